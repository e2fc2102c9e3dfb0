"""The version of the engine: it changes whenever the same input could give other output."""

VERSION = "1.0.0"
