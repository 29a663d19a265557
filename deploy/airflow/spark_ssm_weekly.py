"""Trains a model on each new delivery of sequences, once a week: data, features, train, evaluate, report.

A delivery is a folder below `landing` that its writer finished with an empty file `_SUCCESS`. What is made of it lies below
`results`, in a folder of the same name; a delivery that has a report there is done.

Every step is one spark-ssm command. A command leaves its whole output or none, so a step may run any number of times.
"""

from datetime import datetime, timedelta, timezone

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG, ObjectStoragePath, Param, PokeReturnValue, chain, task

STEPS = ("data", "features", "train", "evaluate", "report")


def options(default: list[str], description: str) -> Param:
    return Param(default, type="array", items={"type": "string"}, description=description)


with DAG(
    dag_id="spark_ssm_weekly",
    description="Sequences to features, a trained model, its evaluation and a report",
    doc_md=__doc__,
    schedule="@weekly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True},
    params={
        "jar": Param("/opt/spark-ssm/spark-ssm-jobs.jar", type="string", description="The assembled jar"),
        "landing": Param("/data/landing", type="string", description="Folder of the deliveries"),
        "results": Param("/data/results", type="string", description="Folder of the results, one folder a delivery"),
        "generate": options([], "Of spark-ssm generate: sequences are made, and no delivery is waited for"),
        "import": options(["--format", "ts", "--standardize"], "Of spark-ssm import"),
        "features": options(
            ["--kind", "signature", "--depth", "2", "--transform", "time,basepoint"], "Of spark-ssm features"
        ),
        "train": options(["--model", "logistic-regression"], "Of spark-ssm train"),
        "evaluate": options(
            ["--split", "test", "--require", "accuracy>=0.95"],
            "Of spark-ssm evaluate; the run fails here where a --require does not hold",
        ),
    },
    tags=["spark-ssm"],
):

    @task.sensor(mode="reschedule", poke_interval=15 * 60, timeout=6 * 24 * 3600, soft_fail=True)
    def new_data(params: dict, dag_run) -> PokeReturnValue:
        """Waits for a delivery without a report, and takes the last by name. A week without one is skipped."""
        if params["generate"]:
            when = dag_run.logical_date or dag_run.run_after
            return PokeReturnValue(True, when.strftime("generated-%Y%m%dT%H%M%S"))
        landing, results = ObjectStoragePath(params["landing"]), ObjectStoragePath(params["results"])
        finished = [marker.parent.name for marker in landing.glob("*/_SUCCESS")]
        waiting = sorted(name for name in finished if not (results / name / "report.html").exists())
        return PokeReturnValue(bool(waiting), waiting[-1] if waiting else None)

    @task(multiple_outputs=True)
    def arguments(delivery: str, params: dict) -> dict[str, list[str]]:
        """What spark-ssm is called with in each step."""
        folder = f"{params['results']}/{delivery}"
        data, features, model = f"{folder}/data", f"{folder}/features", f"{folder}/model"
        evaluation, report = f"{folder}/evaluation.json", f"{folder}/report.html"
        if params["generate"]:
            source = ["generate", *params["generate"]]
        else:
            source = ["import", "--input", f"{params['landing']}/{delivery}", *params["import"]]
        return {
            "data": [*source, "--output", data, "--overwrite"],
            "features": ["features", "--input", data, "--output", features, "--overwrite", *params["features"]],
            "train": ["train", "--input", features, "--output", model, "--overwrite", *params["train"]],
            "evaluate": [
                *("evaluate", "--model", model, "--input", features),
                *("--output", evaluation, "--overwrite", *params["evaluate"]),
            ],
            "report": [
                *("report", "--input", ",".join([data, features, model, evaluation])),
                *("--title", delivery, "--output", report, "--overwrite"),
            ],
        }

    arguments_of = arguments(new_data())
    chain(
        *(
            SparkSubmitOperator(
                task_id=step,
                name=f"spark-ssm {step}",
                application="{{ params.jar }}",
                java_class="org.sparkssm.jobs.Main",
                application_args=arguments_of[step],
                env_vars={"OMP_NUM_THREADS": "1"},
            )
            for step in STEPS
        )
    )
