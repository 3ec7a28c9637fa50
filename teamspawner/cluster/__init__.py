"""Watch the cluster: list, watch, decode straight into compact state, know its age."""
