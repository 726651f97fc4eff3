"""Validates Kubernetes objects against the published schemas, unknown fields refused.

Arguments: versions of Kubernetes. Input: a JSON map of case to list of objects. Output: a JSON map with `checked`,
the number of validations, `unknown`, the kinds that Kubernetes itself has no schema of, and `wrong`, a list of texts."""

import functools
import json
import sys

import kubernetes_validate
from kubernetes_validate import utils

# Each call reads 2 MB of definitions; they are the same for every object.
utils.schema_contents = functools.lru_cache(maxsize=None)(utils.schema_contents)

checked, unknown, wrong = 0, set(), []
for case, objects in json.load(sys.stdin).items():
    for found in objects:
        for version in sys.argv[1:]:
            try:
                used = kubernetes_validate.validate(found, version, strict=True)
                if used != version:
                    wrong.append(f"no schemas of {version}, only of {used}")
                checked += 1
            except utils.SchemaNotFoundError:
                unknown.add(f"{found['apiVersion']}/{found['kind']}")
            except kubernetes_validate.ValidationError as error:
                path = "/".join(map(str, error.path))
                wrong.append(f"{case}: {found['kind']} {found['metadata']['name']} on {version}: {path}: {error.message[:500]}")
json.dump({"checked": checked, "unknown": sorted(unknown), "wrong": wrong}, sys.stdout)
