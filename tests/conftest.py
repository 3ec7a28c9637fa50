"""What every room of tests may use."""

pytest_plugins = ["tests.controlplane.fixtures"]
