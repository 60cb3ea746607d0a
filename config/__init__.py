"""How the platform is set up: settings, Celery, logging and Flower. It imports none of the other packages."""
