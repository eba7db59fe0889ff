"""Provisioning: how the house comes onto a machine and stays up to date. Setting up a desk, starting it, fetching models."""
