"""What a measurement is about, also one that was recorded before there were others than those of deploys."""

from app.signals.usage import METERS, UsageMeasured, traffic_stream, unit_of

OLD = {
    "site_id": "a",
    "site": "hello",
    "deploy_id": "d",
    "number": 3,
    "meter": "published_bytes",
    "quantity": 30,
    "unit": "byte",
    "cause_event_id": "e",
    "idempotency_key": "d:f:published_bytes",
}


def test_a_measurement_of_before_says_what_it_said() -> None:
    measured = UsageMeasured.model_validate(OLD)
    assert (measured.subject, measured.label, measured.stream) == ("d", "hello #3", "")
    assert {name: getattr(measured, name) for name in OLD} == OLD
    assert (measured.day, measured.file) == (None, None)


def test_a_measurement_of_traffic_stands_in_the_stream_of_its_file() -> None:
    about = {"deploy_id": None, "number": None, "file": "x.log", "start": 0, "end": 70}
    measured = UsageMeasured.model_validate(OLD | about)
    assert (measured.subject, measured.label, measured.stream) == ("a", "hello", traffic_stream("x.log"))
    nobody = UsageMeasured.model_validate(OLD | about | {"site_id": None, "site": None})
    assert (nobody.subject, nobody.label) == ("", "")


def test_each_meter_has_its_unit() -> None:
    assert {meter: unit_of(meter) for meter in METERS} == METERS
