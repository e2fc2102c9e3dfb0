"""Door 1: the web.  Pages and their small JSON, over the ports; `web.app.create_app` makes it."""
