"""Which class a job runs as, and what becomes of a job whose class is not there."""

from augmentation_api import ConditionType, PhaseName, PhaseStatus, State
from augmentation_operator.reconcile.lifecycle import CLASS_GRACE
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster, make_class

GRACE = CLASS_GRACE.total_seconds()


def class_of(cluster: SimulatedCluster) -> str:
    """The class whose image the resolve pod runs."""
    image = cluster.job_of(RESOLVE).spec["template"]["spec"]["containers"][0]["image"]
    return str(image)


def accepted(cluster: SimulatedCluster) -> tuple[str, str, str]:
    condition = cluster.status.condition(ConditionType.ACCEPTED)
    assert condition is not None
    return condition.status, condition.reason, condition.message


def test_a_job_that_names_no_class_runs_as_the_default_of_its_type() -> None:
    classes = (make_class("other", default=False, image="other"), make_class("usual", image="usual"))
    cluster = SimulatedCluster(classes=classes)
    cluster.settle()
    assert class_of(cluster) == "usual"


def test_a_default_of_another_type_is_no_default() -> None:
    classes = (make_class("a", type="generative", image="model"), make_class("b", image="transforms"))
    cluster = SimulatedCluster(classes=classes)
    cluster.settle()
    assert class_of(cluster) == "transforms"


def test_a_job_runs_as_the_class_it_names() -> None:
    classes = (make_class("usual", image="usual"), make_class("named", default=False, image="named"))
    cluster = SimulatedCluster(classes=classes, className="named")
    cluster.settle()
    assert class_of(cluster) == "named"


def test_first_of_two_default_classes_by_name_is_selected() -> None:
    a, b = make_class("a", image="a"), make_class("b", image="b")
    for classes in ((a, b), (b, a)):
        cluster = SimulatedCluster(classes=classes)
        cluster.settle()
        assert class_of(cluster) == "a"


def test_job_without_a_class_is_held_and_reports_what_is_missing() -> None:
    cluster = SimulatedCluster(classes=(make_class("usual"),), className="gone")
    cluster.settle()
    status, reason, message = accepted(cluster)
    assert (status, reason) == ("False", "ClassNotFound")
    assert "spec.className 'gone'" in message
    assert "available: usual" in message
    assert cluster.status.state == State.QUEUED
    assert not cluster.jobs


def test_job_without_a_default_class_is_asked_to_name_one() -> None:
    cluster = SimulatedCluster(classes=(), type="generative")
    cluster.settle()
    status, reason, message = accepted(cluster)
    assert (status, reason) == ("False", "ClassNotFound")
    assert "spec.type generative" in message
    assert "name one in spec.className" in message


def test_a_class_that_serves_another_type_is_refused() -> None:
    cluster = SimulatedCluster(classes=(make_class("usual"),), className="usual", type="generative")
    cluster.settle()
    assert "serves type deterministic, and spec.type is generative" in accepted(cluster)[2]


def test_held_job_continues_when_its_class_is_created() -> None:
    cluster = SimulatedCluster(classes=())
    cluster.settle()
    cluster.pass_time(GRACE - 1)
    cluster.classes = (make_class(),)
    cluster.settle()
    assert accepted(cluster)[0] == "True"
    assert cluster.has_job(RESOLVE)


def test_a_held_job_is_looked_at_again_when_its_grace_is_over() -> None:
    cluster = SimulatedCluster(classes=())
    cluster.settle()
    cluster.pass_time(20)
    again = cluster.decide().requeue_after
    assert again is not None
    assert again.total_seconds() == GRACE - 20


def test_a_held_job_fails_when_its_class_has_not_come_in_time() -> None:
    cluster = SimulatedCluster(classes=())
    cluster.settle()
    cluster.pass_time(GRACE)
    cluster.settle()
    failed = cluster.status.condition(ConditionType.FAILED)
    assert cluster.status.state == State.FAILED
    assert failed is not None
    assert failed.reason == "ClassNotFound"


def test_grace_starts_when_the_class_was_first_missed_not_at_creation() -> None:
    # A job that waited while the operator was away must not fail before its class had a chance to be seen.
    cluster = SimulatedCluster(classes=())
    cluster.pass_time(3600)
    cluster.settle()
    assert cluster.status.state == State.QUEUED
    cluster.pass_time(GRACE)
    cluster.settle()
    assert cluster.status.state == State.FAILED


def test_a_job_keeps_the_class_it_began_with_when_another_becomes_the_default() -> None:
    cluster = SimulatedCluster(classes=(make_class("m", image="first"),))
    cluster.reach(AUGMENT)
    cluster.classes = (make_class("a", image="second"), *cluster.classes)
    cluster.finish_augment()
    images = {
        phase: cluster.job_of(phase).spec["template"]["spec"]["containers"][0]["image"]
        for phase in (RESOLVE, AUGMENT, PUBLISH)
    }
    assert set(images.values()) == {"first"}


def test_a_job_that_is_held_without_a_class_takes_whichever_comes() -> None:
    cluster = SimulatedCluster(classes=())
    cluster.settle()
    cluster.classes = (make_class("late", image="late"),)
    cluster.settle()
    assert class_of(cluster) == "late"


def test_a_job_whose_class_goes_away_keeps_its_completed_phases() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    cluster.classes = ()
    cluster.settle()
    cluster.pass_time(GRACE)
    cluster.settle()
    assert cluster.phase_status(RESOLVE) == PhaseStatus.COMPLETED
    assert cluster.phase_status(PhaseName.PROVISION) == PhaseStatus.COMPLETED


def test_a_class_that_is_replaced_within_the_grace_harms_no_running_job() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.pass_time(3600)
    cluster.settle()
    cluster.classes = ()
    cluster.settle()
    cluster.pass_time(5)
    cluster.classes = (make_class(),)
    cluster.settle()
    assert accepted(cluster)[0] == "True"
    assert cluster.status.state == State.RUNNING
    assert cluster.has_job(AUGMENT)


def test_running_children_may_finish_before_a_job_without_its_class_fails() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    for index in (0, 1):
        cluster.start_pod(AUGMENT, index)
    cluster.settle()
    cluster.classes = ()
    cluster.lose_status("classSnapshot")  # of a release that took none
    cluster.settle()
    cluster.pass_time(GRACE)
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    for index in (0, 1):
        cluster.succeed_pod(AUGMENT, index)
    cluster.settle()
    assert cluster.status.state == State.FAILED
    assert "the AugmentationClass 'cpu' that this job runs as was deleted" in (cluster.status.message or "")


def test_a_queue_that_a_class_gets_later_fails_no_job_that_runs() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.classes = (make_class(queueName="gpus"),)
    cluster.settle()
    assert cluster.status.state == State.RUNNING


def test_generative_job_without_a_class_reports_what_is_missing() -> None:
    cluster = SimulatedCluster(type="generative")
    cluster.settle()
    cluster.pass_time(CLASS_GRACE.total_seconds())
    cluster.settle()
    assert cluster.status.state == State.FAILED
    assert "No generative model comes with this operator: a class names an image of its own" in (
        cluster.status.message or ""
    )


def test_a_generative_class_may_name_any_image() -> None:
    model = make_class("video-model", type="generative", image="lab/model:1")
    cluster = SimulatedCluster(type="generative", classes=(model,))
    cluster.complete()
    assert {job.spec["template"]["spec"]["containers"][0]["image"] for job in cluster.jobs.values()} == {"lab/model:1"}


def test_job_says_what_is_wrong_with_the_class_it_names() -> None:
    cluster = SimulatedCluster(className="broken")
    cluster.write_class("broken", resources={"requests": {"cpu": "lots"}})
    cluster.settle()
    status, reason, message = accepted(cluster)
    assert (status, reason) == ("False", "ClassInvalid")
    assert "the AugmentationClass 'broken' is invalid: spec.resources.requests.cpu: has to be a Kubernetes" in message
    cluster.write_class("broken", resources={"requests": {"cpu": ".5"}})
    cluster.settle()
    assert cluster.has_job(RESOLVE)


def test_invalid_class_harms_no_other() -> None:
    cluster = SimulatedCluster()
    cluster.write_class("another", image=7, default=True)
    cluster.settle()
    assert cluster.status.class_name == "cpu"


def test_job_says_what_is_wrong_with_the_default_class() -> None:
    cluster = SimulatedCluster(classes=())
    cluster.write_class("usual", default=True, scratchSize="4GB")
    cluster.settle()
    assert (
        "the AugmentationClass 'usual', the default of its type, is invalid: spec.scratchSize: " in accepted(cluster)[2]
    )


def test_class_too_large_to_keep_with_a_job_is_invalid() -> None:
    cluster = SimulatedCluster(classes=())
    labels = {f"label-{number}": "x" * 60 for number in range(1000)}
    cluster.write_class("usual", default=True, placements=[{"name": "any", "nodeSelector": labels}])
    cluster.settle()
    assert "at most 12288 are kept with a job" in accepted(cluster)[2]


def test_class_that_was_created_again_for_another_type_is_not_run() -> None:
    cluster = SimulatedCluster(classes=(make_class(image="transforms"),))
    cluster.reach(RESOLVE)
    cluster.classes = (make_class(type="generative", image="model"),)
    cluster.settle()
    assert "serves type generative, and spec.type is deterministic" in (cluster.status.message or "")
    assert class_of(cluster) == "transforms"
