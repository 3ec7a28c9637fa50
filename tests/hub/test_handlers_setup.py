"""``setup(c)`` adds the page's handlers and templates beside those of a site."""

from traitlets.config import Config

from teamspawner.hub import handlers
from teamspawner.page import HUB_TEMPLATE_DIR


def test_setting_up_twice_adds_nothing_and_keeps_what_a_site_has():
    config = Config()
    config.JupyterHub.extra_handlers.append(("/site", object))
    config.JupyterHub.template_paths = ["/site"]
    handlers.configure(config)
    handlers.configure(config)
    patterns = [entry[0] for entry in config.JupyterHub.extra_handlers]
    assert len(patterns) == len(set(patterns)) == 4
    assert config.JupyterHub.template_paths == ["/site", str(HUB_TEMPLATE_DIR)]


def test_our_templates_come_before_jupyterhubs_own():
    config = Config()
    handlers.configure(config)
    handlers.configure(config)
    paths = config.JupyterHub.template_paths.get_value(["/jupyterhub"])
    assert paths == [str(HUB_TEMPLATE_DIR), "/jupyterhub"]
