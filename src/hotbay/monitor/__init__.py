"""Measures the machine: samples of host and GPUs, memory of model servers, the hardware.

Everything that could take its time (a driver, a tool, /proc) happens in one thread of its own,
`hotbay.monitor.background`; what is asked for by requests is only read from rings.
"""
