"""HTTP between the services: `serve` answers, `call` asks. The only place that knows tokens, time-outs and error bodies."""
