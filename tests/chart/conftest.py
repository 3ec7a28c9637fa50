"""Import KubeSpawner once with its warnings off; every one after that is an error."""

import warnings

with warnings.catch_warnings():
    # KubeSpawner 7.0.0 declares a trait in a way that newer traitlets deprecate
    warnings.simplefilter("ignore")
    import jupyterhub.app  # noqa: F401
    import kubespawner  # noqa: F401
