"""Prints the dependencies that the pyproject.toml in this folder lists, one a line, for `pip install -r`.

For apps: a project without a [build-system] is not installed itself, only what it needs.
"""

import tomllib

with open("pyproject.toml", "rb") as file:
    print("\n".join(tomllib.load(file).get("project", {}).get("dependencies", [])))
