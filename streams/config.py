"""Every setting, declared once. Strength, the last wins: defaults, shelfstream.toml, SHELFSTREAM_… variables, flags.

The variable of `batch.max_events` is SHELFSTREAM_BATCH_MAX_EVENTS. KAFKA_BOOTSTRAP_SERVERS, which other clients know
too, stands in for `kafka.bootstrap_servers` where nothing stronger sets it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from streams.errors import ConfigError

ENV_PREFIX = "SHELFSTREAM_"
CONFIG_FILE = Path("shelfstream.toml")
MIB = 1024 * 1024


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(_Group):
    """The cluster."""

    bootstrap_servers: str = Field("127.0.0.1:9092", description="host:port of one or more brokers, comma separated")
    replication_factor: int = Field(1, ge=1, description="replicas of topics that `topics create` makes")
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field(
        "none", description="of outputs and changelogs; every client reads none, zstd costs 8 % of throughput"
    )
    connect_timeout_s: float = Field(60, gt=0, description="how long to wait for a cluster at start, seconds")
    session_timeout_s: float = Field(20, gt=0, description="a silent worker loses its partitions after this, seconds")
    fetch_wait_ms: int = Field(100, ge=1, le=1_500, description="a fetch gathers records for this long at most")
    fetch_min_bytes: int = Field(1, ge=1, description="a fetch that has gathered this much is answered at once")
    instance_id: str | None = Field(
        None, description="static membership (KIP-345): a worker of this id that is back in time keeps its partitions"
    )
    commit_interval_s: float = Field(
        1, gt=0, description="at least once: source offsets are committed this often, seconds"
    )
    transaction_interval_ms: float = Field(
        10, ge=0, le=10_000, description="exactly once: a transaction begins this long after the last at the earliest"
    )
    transaction_timeout_s: float = Field(
        10, ge=1, le=900, description="exactly once: the transaction of a worker that died is ended after this, seconds"
    )


class TopicSettings(_Group):
    """Names of topics."""

    prefix: str = Field("", pattern=r"^[a-zA-Z0-9._-]*$", description="put before every topic name")
    partitions: int = Field(4, ge=1, le=4096, description="of topics that `topics create` makes")


class BatchSettings(_Group):
    """The window: what goes through the model at once."""

    max_events: int = Field(4096, ge=1, le=65536, description="records in one window at most")
    max_wait_ms: float = Field(1, ge=0, le=10_000, description="a window that is not full waits this long at most")
    in_flight: int = Field(4, ge=1, le=64, description="full windows, or as many events, that may be under way at once")


class StateSettings(_Group):
    """RocksDB."""

    dir: Path = Field(Path(".shelfstream/state"), description="folder of the local tables; one worker each")
    cache_bytes: int = Field(128 * MIB, ge=8 * MIB, description="block cache shared by all partitions of all tables")
    row_cache_bytes: int = Field(32 * MIB, ge=0, description="rows of each table that stay in Python's memory")
    write_buffer_bytes: int = Field(128 * MIB, ge=8 * MIB, description="memtables of all partitions together")
    snapshot_dir: Path | None = Field(
        None, description="folder that all workers reach, for snapshots of their rows; empty: none are taken"
    )
    snapshot_interval_s: float = Field(300, gt=0, description="a snapshot of each partition this often, seconds")
    standbys: int = Field(0, ge=0, le=8, description="other workers that keep each partition's state warm")


class ModelSettings(_Group):
    """Which artifacts answer."""

    products: Path | None = Field(None, description="folder of the products artifact; default: the shipped one")
    behaviour: Path | None = Field(None, description="folder of the behaviour artifact; default: the shipped one")
    demand: Path | None = Field(None, description="folder of the demand artifact; default: the shipped one")
    risk: Path | None = Field(None, description="folder of the risk artifact; default: the shipped one")
    session: Path | None = Field(
        None,
        description="folder of the artifact that says whether a session still brings a purchase, `shipped` (fitted on "
        "an electronics store) or `none`; default: none",
    )
    visit: Path | None = Field(
        None, description="folder of the artifact of the days until the next visit, or `none`; default: the shipped one"
    )
    taste: Path | None = Field(
        None,
        description="folder of the artifact of chances of preferred attributes, or `none`; default: the shipped one",
    )
    top: int = Field(10, ge=1, le=100, description="categories and products in a user prediction")
    threads: int = Field(1, ge=1, le=256, description="CPU threads of one inference")


class ProductSettings(_Group):
    """The cascade: a fast model answers every product, a slower one those that it is not sure of."""

    encoder: Path | None = Field(
        None,
        description="folder of the slower model's artifact, or `shipped`: all models of the package, or a folder of "
        "folders: those of it in place of the shipped; default: none",
    )
    sure_above: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of its category and attributes that the fast model must expect to be right to be believed; "
        "default: the artifact's, or 0.8",
    )
    encoder_budget_ms: float = Field(
        50, gt=0, le=10_000, description="the slower model may take this long of a window; what is left waits"
    )
    waiting_max: int = Field(10_000, ge=1, description="products that may wait for the slower model")
    waiting_bytes: int = Field(64 * MIB, ge=MIB, description="and what their events may take together")
    explain_words: int = Field(
        0,
        ge=0,
        le=16,
        description="words of the title, and the picture, whose weight goes with each prediction; each "
        "word of a title (16 at most) then costs one more inference; 0: none",
    )


class BehaviourSettings(_Group):
    """Which events of a user count, what is answered, and for how long a user is remembered."""

    emit: Literal["every", "latest"] = Field(
        "every", description="latest: one prediction per user and window, for the last event; all events count"
    )
    min_confidence: float = Field(
        0, ge=0, le=1, description="categories and products below it are left out of the lists, which may be empty then"
    )
    deduplicate: bool = Field(
        True, description="an event_id that is among the user's last eight is not counted nor answered again"
    )
    late_after_s: float = Field(
        86_400,
        ge=0,
        description="an event so much older than the user's latest, or later than its record, is answered and not "
        "counted; seconds, 0: never",
    )
    ttl_days: float = Field(
        0, ge=0, description="users whose last event is so much older than the newest are forgotten; days, 0: never"
    )
    risk_alarm: float | None = Field(
        None, ge=0, le=1, description="risk from which an event is an alarm; default: the artifact's, 1 event in 1,000"
    )


class ImageSettings(_Group):
    """Pictures of products, for models that read them."""

    prefixes: list[str] = Field(
        [], description="addresses that pictures may be read from, each ending in /; empty: only bytes in the event"
    )
    workers: int = Field(1, ge=1, le=64, description="pictures that are fetched and decoded at a time")
    fetch_timeout_s: float = Field(2, gt=0, le=60, description="to read one picture from its address, seconds")
    decode_timeout_s: float = Field(2, gt=0, le=60, description="to decode one picture, seconds")


class DemandSettings(_Group):
    """Days of the demand agent."""

    lateness_min: float = Field(
        60, ge=0, le=10_080, description="a day is closed when a sale this much later than its end is heard of, minutes"
    )
    utc_offset_min: int = Field(
        0, ge=-1_440, le=1_440, description="the shop's days begin this much before UTC's (its time zone), minutes"
    )


class LetterSettings(_Group):
    """Dead letters."""

    max_per_minute: int = Field(10_000, ge=1, description="more than this in a minute stops the worker, exit code 3")
    max_share: float = Field(
        0.5, gt=0, le=1, description="more than this of an agent's last `letters.share_of` records, too; 1: never"
    )
    share_of: int = Field(1_000, ge=1, description="records; fewer are never judged by their share")


class WebSettings(_Group):
    """/metrics, /healthz and /readyz."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(6066, ge=0, le=65535, description="port to listen on; 0 chooses a free one")
    stall_timeout_s: float = Field(60, gt=0, description="what stands still for so long makes it not ready")
    stall_exit_s: float = Field(
        300, ge=0, description="a worker that has been stalled for so long ends itself, exit code 1; 0: never"
    )


class Settings(BaseSettings):
    """All settings of shelfstream."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
    )

    name: str = Field("shelfstream", pattern=r"^[a-zA-Z0-9._-]+$", description="consumer group of the workers")
    agents: list[Literal["products", "behaviour", "demand"]] = Field(
        ["products", "behaviour"],
        min_length=1,
        description="which agents this worker runs; demand runs alone, in a consumer group of its own: name-demand",
    )
    delivery: Literal["at-least-once", "exactly-once"] = Field(
        "at-least-once", description="exactly-once: outputs, state and offsets in one Kafka transaction"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the models run; auto prefers CUDA")
    kafka: Annotated[KafkaSettings, Field(default_factory=KafkaSettings)]
    topics: Annotated[TopicSettings, Field(default_factory=TopicSettings)]
    batch: Annotated[BatchSettings, Field(default_factory=BatchSettings)]
    state: Annotated[StateSettings, Field(default_factory=StateSettings)]
    models: Annotated[ModelSettings, Field(default_factory=ModelSettings)]
    products: Annotated[ProductSettings, Field(default_factory=ProductSettings)]
    demand: Annotated[DemandSettings, Field(default_factory=DemandSettings)]
    behaviour: Annotated[BehaviourSettings, Field(default_factory=BehaviourSettings)]
    images: Annotated[ImageSettings, Field(default_factory=ImageSettings)]
    letters: Annotated[LetterSettings, Field(default_factory=LetterSettings)]
    web: Annotated[WebSettings, Field(default_factory=WebSettings)]

    @field_validator("agents")
    @classmethod
    def _demand_alone(cls, agents: list[str]) -> list[str]:
        """It reads user-behaviour as the behaviour agent does, and a group reads a record once."""
        if "demand" in agents and len(agents) > 1:
            raise ValueError("demand runs in a worker of its own; start another one for the other agents")
        return agents

    @property
    def group(self) -> str:
        """The consumer group."""
        return f"{self.name}-demand" if "demand" in self.agents else self.name

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then file, then Kafka's own variable; the first that has a value wins."""
        file_settings = TomlConfigSettingsSource(settings_cls, _config_file)
        return init_settings, env_settings, file_settings, _KafkaVariable(settings_cls)


class _KafkaVariable(PydanticBaseSettingsSource):
    """KAFKA_BOOTSTRAP_SERVERS as the weakest source."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
        return {"kafka": {"bootstrap_servers": servers}} if servers else {}


_config_file: Path | None = None  # pydantic-settings asks for it at class level; load_settings() sets it for one call


def load_settings(config_file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """All settings, checked. `overrides` are flags, by dotted name: {"batch.max_events": 512}; None means not given.

    Without `config_file`, shelfstream.toml of the current folder is read if it is there.
    Errors: ConfigError, which lists every setting that is unknown or has a wrong value, and where it was set.
    """
    global _config_file
    if config_file is not None and not config_file.is_file():
        raise ConfigError(f"there is no configuration file {config_file}")
    path = config_file or (CONFIG_FILE if CONFIG_FILE.is_file() else None)
    _refuse_unknown_variables()
    given: dict[str, Any] = {}
    for name, value in (overrides or {}).items():
        if value is not None:
            group, _, key = name.rpartition(".")
            (given.setdefault(group, {}) if group else given)[key] = value
    _config_file = path
    try:
        return Settings(**given)
    except ValidationError as error:
        raise ConfigError(_explain(error, path)) from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}" if path else str(error)) from error
    finally:
        _config_file = None


def setting_names() -> dict[str, str]:
    """Every setting by dotted name with its meaning, in order; the docs table and the check of variables read it."""
    names: dict[str, str] = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, _Group):
            names.update({f"{name}.{key}": sub.description or "" for key, sub in field.annotation.model_fields.items()})
        else:
            names[name] = field.description or ""
    return names


def _refuse_unknown_variables() -> None:
    known = {ENV_PREFIX + name.replace(".", "_").upper() for name in setting_names()}
    unknown = sorted(name for name in os.environ if name.startswith(ENV_PREFIX) and name not in known)
    if unknown:
        raise ConfigError(f"unknown variable {', '.join(unknown)}; known: {', '.join(sorted(known))}")


def _explain(error: ValidationError, path: Path | None) -> str:
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            group = name.rpartition(".")[0]
            known = [key for key in setting_names() if key.rpartition(".")[0] == group] if group else []
            known = known or list(Settings.model_fields)
            lines.append(f"unknown setting {name}; there are {', '.join(known)}")
        else:
            lines.append(f"{name} = {problem['input']!r}: {problem['msg'].lower()}")
    where = f" (file {path}, {ENV_PREFIX}… variables or flags)" if path else f" ({ENV_PREFIX}… variables or flags)"
    return "; ".join(lines) + where
