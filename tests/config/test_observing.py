"""The files for Prometheus and Grafana name only metrics that exist, and are understood by both."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from manager.operator.metrics import METRICS

CONFIG = Path(__file__).parents[2] / "config"
PROMETHEUS = CONFIG / "prometheus"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on this machine")
RULES: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"][0][
    "rules"
]
TESTS: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
DASHBOARD = json.loads((CONFIG / "grafana" / "enrichd.json").read_text())
PANELS = [it for it in DASHBOARD["panels"] if it["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
SERIES = {
    f"{metric.name}{end}": metric
    for metric in METRICS.values()
    for end in (("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",))
}


def promtool(*arguments: str, cwd: Path = PROMETHEUS) -> None:
    assert PROMTOOL
    done = subprocess.run([PROMTOOL, *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *(it["expr"] for it in RULES)])
def test_an_expression_names_metrics_and_labels_that_exist(expression: str) -> None:
    named = re.findall(r"\b(enrichd_\w+)(?:\{([^}]*)\})?", expression)
    assert named
    for name, selectors in named:
        assert name in SERIES
        labels = set(re.findall(r"(\w+)\s*[=!]", selectors))
        assert labels <= {*SERIES[name].labels, "le"}, (name, labels)


@pytest.mark.parametrize("rule", RULES, ids=lambda it: it["alert"])
def test_an_alert_says_what_is_so_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    says = rule["annotations"]
    assert len(re.sub(r"\{\{.*?\}\}", "x", says["summary"])) < 80
    assert len(says["description"]) > 80
    assert re.fullmatch(r"https://docs\.enrichd\.example/runbook/[a-z-]+/", says["runbook_url"])
    assert "for" in rule


def test_each_alert_is_tried_for_what_it_fires_upon_and_what_it_does_not() -> None:
    assert [it["name"] for it in TESTS] == [
        f"{rule['alert']} {does}" for rule in RULES for does in ("fires", "is silent")
    ]
    for test in TESTS:
        [asked] = test["alert_rule_test"]
        assert bool(asked.get("exp_alerts")) == test["name"].endswith("fires")
        assert asked["alertname"] == test["name"].split()[0]


@needs_promtool
def test_promtool_finds_the_rules_and_the_configuration_right() -> None:
    promtool("check", "config", "prometheus.yml")


@needs_promtool
@pytest.mark.slow
def test_the_alerts_pass_their_tests() -> None:
    promtool("test", "rules", "alerts_test.yml")


@needs_promtool
def test_prometheus_understands_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"dashboard:{n}", "expr": re.sub(r"\$__rate_interval", "5m", expression)}
        for n, expression in enumerate(EXPRESSIONS)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", "--lint=none", str(file))


def test_the_dashboard_is_one_that_grafana_10_imports() -> None:
    assert DASHBOARD["schemaVersion"] >= 36
    assert "id" not in DASHBOARD, "an import gives it one"
    variables = {it["name"]: it for it in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["account"]["multi"]
    ids = [it["id"] for it in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["description"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
