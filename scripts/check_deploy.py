#!/usr/bin/env python3
"""Checks deploy/ without a container engine: says every fault, exits 1 if there is one. Needs PyYAML."""

import json
import re
import shlex
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
COMPOSE = ROOT / "deploy" / "compose.yaml"
SETTINGS = ROOT / "crates" / "app" / "src" / "config"
INSTRUCTIONS = set("FROM RUN COPY ADD WORKDIR USER ENV ARG EXPOSE HEALTHCHECK ENTRYPOINT CMD LABEL VOLUME STOPSIGNAL SHELL".split())

faults = []


def fault(where, text):
    faults.append(f"{where}: {text}")


def settings():
    """The names of SLUICE__ variables, from the structures that the product reads its settings into."""
    text = "\n".join(file.read_text() for file in sorted(SETTINGS.glob("*.rs")))
    structures = {
        name: re.findall(r"^\s+pub (\w+): ([\w<>]+),", body, re.M)
        for name, body in re.findall(r"pub struct (\w+) \{\n(.*?)\n\}", text, re.S)
    }
    names = set()
    for field, kind in structures["Config"]:
        if kind in structures:
            names.update(f"SLUICE__{field}__{inner}".upper() for inner, _ in structures[kind])
        else:
            names.add(f"SLUICE__{field}".upper())
    return names


def check_settings(where, names, known):
    for name in names:
        if name.startswith("SLUICE_") and name not in known:
            fault(where, f"{name} is no setting of the product")


def instructions(text):
    """(instruction, arguments) with continued lines joined and comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()


def ignored():
    """Top-level names that .dockerignore keeps out of the build."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return {line.strip().strip("/") for line in lines if line.strip() and not line.startswith(("#", "!"))}


def pinned(image):
    return ":" in image.rsplit("/", 1)[-1] and not image.endswith(":latest")


def included():
    """Files outside of the crates' folders that are compiled into them; what tests include does not count."""
    for folder in ("crates", "services", "migrations"):
        for source in sorted((ROOT / folder).rglob("*.rs")):
            if "tests" in source.parts or source.stem.endswith("tests"):
                continue
            for path in re.findall(r'include_(?:str|bytes)!\("(\.\./[^"]+)"\)', source.read_text()):
                yield (source.parent / path).resolve().relative_to(ROOT)


def check_dockerfile(known):
    stages, user, command, copied = [], None, None, []
    for word, rest in instructions(DOCKERFILE.read_text()):
        if word not in INSTRUCTIONS:
            fault("Dockerfile", f"unknown instruction {word}")
        elif word == "FROM":
            image, *name = re.split(r"\s+AS\s+", rest, flags=re.I)
            if image not in stages and not pinned(image):
                fault("Dockerfile", f"image without a version: {image}")
            stages.append(name[0] if name else str(len(stages)))
            user, command = None, None
        elif not stages:
            fault("Dockerfile", f"{word} before FROM")
        elif word in ("COPY", "ADD"):
            words = shlex.split(rest)
            options = dict(part[2:].split("=", 1) for part in words if part.startswith("--"))
            paths = [part for part in words if not part.startswith("--")]
            if "from" in options:
                if options["from"] not in stages[:-1]:
                    fault("Dockerfile", f"copies from an unknown stage: {options['from']}")
                continue
            copied += paths[:-1]
            for path in paths[:-1]:
                if not list(ROOT.glob(path)):
                    fault("Dockerfile", f"copies what is not there: {path}")
                if path.split("/")[0] in ignored() or path in ignored():
                    fault("Dockerfile", f".dockerignore keeps out what is copied: {path}")
        elif word == "USER":
            user = rest
        elif word == "ENV":
            check_settings("Dockerfile", [pair.split("=", 1)[0] for pair in shlex.split(rest)], known)
        elif word in ("CMD", "ENTRYPOINT"):
            command = command or json.loads(rest)
    for path in included():
        if not any(path == Path(place) or Path(place) in path.parents for place in copied):
            fault("Dockerfile", f"does not copy what the sources include: {path}")
    if user in (None, "root", "0"):
        fault("Dockerfile", "the last stage runs as root")
    if command is None:
        fault("Dockerfile", "the last stage starts nothing")


def check_compose(known):
    compose = yaml.safe_load(COMPOSE.read_text())
    services, volumes, secrets = (compose.get(part) or {} for part in ("services", "volumes", "secrets"))
    used = set()
    for name, service in services.items():
        where = f"compose.yaml, {name}"
        build = service.get("build")
        if build:
            folder = (COMPOSE.parent / build["context"]).resolve()
            if not (folder / build.get("dockerfile", "Dockerfile")).is_file():
                fault(where, "its Dockerfile is not there")
        elif not pinned(service.get("image", "")):
            fault(where, "an image without a version")
        check_settings(where, service.get("environment") or {}, known)
        for variable, value in (service.get("environment") or {}).items():
            if not isinstance(value, str):
                fault(where, f"{variable} must be text: quote it")
            if re.search(r"(SECRET|PASSWORD)$", variable):
                fault(where, f"{variable} stands in the file: use {variable}_FILE")
            if str(value).startswith("/run/secrets/") and value.removeprefix("/run/secrets/") not in service.get("secrets", []):
                fault(where, f"{variable} names a secret the service does not mount")
        for secret in service.get("secrets", []):
            used.add(secret)
            if secret not in secrets:
                fault(where, f"unknown secret {secret}")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            used.add(source)
            if not source.startswith((".", "/")) and source not in volumes:
                fault(where, f"unknown volume {source}")
        for other, how in (service.get("depends_on") or {}).items():
            if other not in services:
                fault(where, f"depends on an unknown service {other}")
            elif how["condition"] not in ("service_started", "service_healthy", "service_completed_successfully"):
                fault(where, f"unknown condition {how['condition']}")
            elif how["condition"] == "service_healthy" and "healthcheck" not in services[other]:
                fault(where, f"waits for the health of {other}, which has no health check")
        if not build and "healthcheck" not in service:
            fault(where, "no health check")
        for port in service.get("ports", []):
            if not str(port).startswith("127.0.0.1:"):
                fault(where, f"port {port} is open to everybody")
    for name in (set(volumes) | set(secrets)) - used:
        fault("compose.yaml", f"{name} is declared and not used")
    for name in ("mariadb", "redis", "kafka", "migrate", "api", "worker"):
        if name not in services:
            fault("compose.yaml", f"no service {name}")


def main():
    known = settings()
    if len(known) < 10:
        fault("crates/app/src/config", "its settings could not be read")
    check_dockerfile(known)
    check_compose(known)
    for text in faults:
        print(f"deploy: {text}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
