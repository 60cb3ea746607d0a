"""The migrations make exactly the tables that the code declares, on both databases, and can be run again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, Engine, MetaData, Table, inspect

from app.engine import Timestamp, metadata
from app.engine.database import connect
from app.models import sites, usage
from tests.fixtures.databases import Cluster

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=["sqlite", "postgres"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/new.db"
    if request.param == "postgres":
        cluster: Cluster = request.getfixturevalue("postgres")
        url = cluster.create(f"migrated_{tmp_path.name}")
    engine = connect(url)
    yield engine
    engine.dispose()


def is_ours(name: str | None, *_: object) -> bool:
    """Other tests declare tables of toys."""
    return not (name or "").startswith("toy_")


def upgrade(db: Connection, revision: str = "head") -> None:
    command.upgrade(Config(str(ROOT / "alembic.ini"), attributes={"connection": db}), revision)


def test_the_migrated_database_is_what_the_code_declares(new_database: Engine) -> None:
    with new_database.begin() as db:
        upgrade(db)
        upgrade(db)
        options = {"target_metadata": metadata, "include_object": lambda _, name, *more: is_ours(name, *more)}
        found = MigrationContext.configure(db, opts=options)
        assert compare_metadata(found, metadata) == []


def test_columns_and_keys_are_in_the_declared_order(new_database: Engine) -> None:
    """`flask events verify` compares whole rows, column by column."""
    with new_database.begin() as db:
        upgrade(db)
        for table in filter(lambda table: is_ours(table.name), metadata.sorted_tables):
            found = [column["name"] for column in inspect(db).get_columns(table.name)]
            assert found == [column.name for column in table.columns], table.name
            assert inspect(db).get_pk_constraint(table.name)["name"] == f"pk_{table.name}"


def test_what_was_measured_before_there_were_totals_is_in_them(new_database: Engine) -> None:
    hours = (datetime(2026, 1, 31, hour, 59, tzinfo=UTC) + timedelta(hours=1) for hour in (21, 22, 23))
    old = {"stream": "/sites/a", "site_id": "a", "site": "hello", "deploy_id": "d", "unit": "file"}
    columns = ("id", "meter", "quantity", "cause_event_id", "idempotency_key", "measured_at")
    table = Table(
        "usage",
        MetaData(),
        *(Column(name) for name in (*old, *columns[:-1])),
        Column("measured_at", Timestamp()),
    )
    with new_database.begin() as db:
        upgrade(db, "0006")
        for number, at in enumerate(hours):
            of_meter = {"meter": "published_files", "quantity": 5, "cause_event_id": "e"}
            key = {"id": str(number), "idempotency_key": str(number), "measured_at": at}
            db.execute(table.insert().values(old | of_meter | key))
        upgrade(db)
        found = db.execute(usage.days.select().order_by(usage.days.c.day)).all()
    assert [tuple(row) for row in found] == [
        ("a", "published_files", "2026-01-31", 10, 2, "1"),
        ("a", "published_files", "2026-02-01", 5, 1, "2"),
    ]


def test_a_migration_that_breaks_leaves_nothing_behind(new_database: Engine) -> None:
    def migrate_and_break() -> None:
        with new_database.begin() as db:
            upgrade(db)
            raise LookupError("broken")

    with pytest.raises(LookupError):
        migrate_and_break()
    with new_database.begin() as db:
        assert inspect(db).get_table_names() == []


def test_the_database_refuses_two_sites_of_one_slug_and_two_deploys_of_one_number(
    new_database: Engine,
) -> None:
    with new_database.begin() as db:
        upgrade(db)
        unique = {
            name: [tuple(index["column_names"]) for index in inspect(db).get_indexes(name) if index["unique"]]
            + [tuple(constraint["column_names"]) for constraint in inspect(db).get_unique_constraints(name)]
            for name in ("sites", "deploys", "usage", "reactions")
        }
    assert ("slug",) in unique["sites"]
    assert ("site_id", "number") in unique["deploys"]
    assert ("idempotency_key",) in unique["usage"]
    assert ("event", "listener", "generation") in unique["reactions"]


def test_a_site_is_found_by_its_slug_without_reading_all_sites(sqlite_database: Engine) -> None:
    with sqlite_database.begin() as db:
        query = "SELECT live_cid FROM sites WHERE slug = 'hello' AND sites.deleted = 0"
        plan = str(db.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all())
        assert "uq_sites_slug" in plan
        assert str(sites._LIVE.compile(db)).replace("\n", " ").endswith("AND sites.deleted = 0")
