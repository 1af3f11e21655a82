"""Carries out what the machine decides: processes, probes, timers, logs.

Imports nothing here: the warden, a program of its own, starts from this package.
"""
