"""The files in deploy/ mean what the program means: settings that exist, ports and paths it serves, time to drain."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.broker.jars import KAFKA_VERSION
from streams.broker.properties import BATCH_OVERHEAD_BYTES, MAX_RECORD_BYTES
from streams.config import Settings, load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"
DRAIN_SECONDS = 10  # what the README promises of SIGTERM


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


def settings_of(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Settings:
    """The settings a worker would have there; an unknown name or a wrong value is an error."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    for name, value in variables.items():
        assert isinstance(value, str), f"{name}: variables are strings"
        monkeypatch.setenv(name, value)
    return load_settings()


def test_compose_starts_our_kafka_version_and_a_worker_that_finds_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (compose,) = documents("compose.yaml")
    services = compose["services"]
    kafka = services["kafka"]["environment"]
    assert services["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert int(kafka["KAFKA_MESSAGE_MAX_BYTES"]) == MAX_RECORD_BYTES + BATCH_OVERHEAD_BYTES
    worker = services["worker"]
    settings = settings_of(worker["environment"], monkeypatch, tmp_path)
    assert f"INSIDE://{settings.kafka.bootstrap_servers}" in kafka["KAFKA_ADVERTISED_LISTENERS"]
    assert [str(settings.state.dir)] == [volume.partition(":")[2] for volume in worker["volumes"]]
    assert worker["ports"] == [f"127.0.0.1:{settings.web.port}:{settings.web.port}"]
    assert int(worker["stop_grace_period"].removesuffix("s")) > DRAIN_SECONDS
    (prometheus,) = documents("prometheus.yml")
    assert prometheus["scrape_configs"][0]["static_configs"][0]["targets"] == [f"worker:{settings.web.port}"]


def test_topics_are_made_with_the_partitions_that_the_worker_expects() -> None:
    (compose,) = documents("compose.yaml")
    made, expected = (compose["services"][name]["environment"] for name in ("topics", "worker"))
    assert made.items() <= expected.items()


def test_kubernetes_probes_volumes_and_grace_fit_the_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config, service, workers = documents("kubernetes.yaml")
    settings = settings_of(config["data"], monkeypatch, tmp_path)
    pod = workers["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["envFrom"] == [{"configMapRef": {"name": config["metadata"]["name"]}}]
    assert [port["containerPort"] for port in container["ports"]] == [settings.web.port]
    assert [port["port"] for port in service["spec"]["ports"]] == [settings.web.port]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert pod["terminationGracePeriodSeconds"] > DRAIN_SECONDS
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == [str(settings.state.dir)]
    assert workers["spec"]["replicas"] <= settings.topics.partitions


def test_the_image_has_everything_a_worker_reads_and_its_settings_exist(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    named = [word for line in text.splitlines() for word in line.split() if word.startswith("SHELFSTREAM_")]
    settings = settings_of(dict(word.split("=", 1) for word in named), monkeypatch, tmp_path)
    assert f"EXPOSE {settings.web.port}" in text
    assert f"VOLUME {settings.state.dir}" in text
    for package in ("schemas", "models", "streams"):
        assert f"COPY {package} {package}" in text
