"""The box's way into the home's network: a cable, a known Wi-Fi, or a hotspot of its own; NetworkManager does the work.

profiles.py   a Wi-Fi as a file for NetworkManager
nmcli.py      asking NetworkManager, and telling it
watching.py   when there is a hotspot and when not (pure)
joining.py    trying a Wi-Fi, and going back where it does not work
__main__.py   the service
"""
