"""Configuration: YAML text to one frozen `Config`, with every problem at its place.

    load(Sources(Path("config.yaml"))) -> Loaded(config, warnings)  or  ConfigError

A load goes through these steps, each in the module of its name:

    sources -> environment -> document -> merge -> expansion (macros, ports)
            -> reader (settings) -> normalise (model) -> validation

The rest of the program knows `hotbay.config.model.Config` and what `compile_rules`
makes of it for the machine.
"""

from __future__ import annotations

from hotbay.config.load import Loaded, load, load_text
from hotbay.config.model import Config, ModelConfig
from hotbay.config.ports import AssignPorts, PortRequest
from hotbay.config.problems import ConfigError, Problem
from hotbay.config.sources import Sources, SourceText

__all__ = [
    "AssignPorts",
    "Config",
    "ConfigError",
    "Loaded",
    "ModelConfig",
    "PortRequest",
    "Problem",
    "SourceText",
    "Sources",
    "load",
    "load_text",
]
