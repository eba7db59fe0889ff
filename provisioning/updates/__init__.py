"""Updates: gets the models that the house wants onto the shelf, and brings better ones that a publisher signed.

Read it in this order: `states` (the steps, and what follows each), `steps` (what is done in each), `update` (the thread that takes them),
`trust` and `metadata` (what is believed), `storehouse` (files: room, fetching, checking), `proving`, `judging` and `probation` (the trial
and the time after it), `owner` and `view` (what the owner may say and is told), `service` (all of it put together).
"""
