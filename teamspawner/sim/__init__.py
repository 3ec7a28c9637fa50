"""An embedded cluster for demo and tests: API server, scheduler, process kubelet, proxy."""
