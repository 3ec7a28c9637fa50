"""The embedded API server: what the Kubernetes API promises, in memory, over HTTP.

Read ``http`` for the way of a request, ``verbs`` for what it does, ``store`` for
what is kept. Whatever is answered here is answered as the real kube-apiserver
answers it; everything else is refused with 404, 405 or 501.
"""
