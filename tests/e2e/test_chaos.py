"""Jobs complete whatever is killed while they run: same result, published once, no leftovers.

`make test` runs a few jobs and each fault once; `make chaos` runs fifty jobs.
"""

import os
import random
import time

from tests.e2e.faults import Faults
from tests.e2e.result_check import fingerprint
from tests.e2e.user import FINAL, Json, User

JOBS = int(os.environ.get("CHAOS_JOBS", "2"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
AT_ONCE = 3
PAUSE_SECONDS = (2.0, 6.0)
SECONDS_A_JOB = 120.0
VARIANTS = min(3, JOBS)


def spec_of(number: int) -> Json:
    """One of a few specs, so that each result can be compared with an undisturbed one."""
    return {
        "source": {"hub": {"repoID": "demo/pusht"}},
        "augmentation": {"copies": 2, "episodes": "0:3", "seed": number % VARIANTS},
        "parallelism": 2,
        # The test kills more pods than a shard would lose in production.
        "backoffLimitPerShard": 20,
    }


def run_jobs(user: User, count: int, faults: list[str], chaos: Faults) -> list[str]:
    """Run jobs, a few at a time, injecting faults throughout; return their ids when all have finished.

    Every fault meets a running job and strikes something: where `count` jobs end before the last fault, more are
    started, and a fault that finds nothing to strike comes again.
    """
    ids: list[str] = []
    planned = len(faults)
    chance = random.Random(SEED)
    deadline = time.monotonic() + 240 + SECONDS_A_JOB * count
    while True:
        chaos.await_api()
        states = [user.status(job_id)["status"] for job_id in ids]
        finished = sum(state in FINAL for state in states)
        if finished == len(ids) >= count and not faults:
            return ids
        assert time.monotonic() < deadline, (list(zip(ids, states, strict=True)), faults)
        while len(ids) - finished < min(AT_ONCE, count) and (len(ids) < count or faults):
            ids.append(user.apply(f"chaos-{user.new_dataset_id('c')[-8:]}", spec_of(len(ids))))
        if faults and (planned - len(faults)) * count < planned * len(ids):
            name = faults.pop()
            struck = chaos.by_name[name]()
            print(f"{finished:3} of {len(ids)} jobs ended; {name}{'' if struck else ': nothing there'}", flush=True)
            if not struck:
                faults.insert(chance.randint(0, len(faults)), name)
        time.sleep(chance.uniform(*PAUSE_SECONDS))


def test_every_job_completes_whatever_is_killed(user: User) -> None:
    chaos = Faults(user.kubectl, random.Random(SEED))
    names = sorted(chaos.by_name)
    fault_names = names * max(1, JOBS // len(names))
    random.Random(SEED).shuffle(fault_names)

    undisturbed = run_jobs(user, VARIANTS, [], chaos)
    expected = [fingerprint(user.download(user.status(job_id)["augmented_dataset_id"])) for job_id in undisturbed]

    ids = run_jobs(user, JOBS, fault_names, chaos)
    for number, job_id in enumerate(ids):
        status = user.complete(job_id)
        result = status["augmented_dataset_id"]
        assert fingerprint(user.download(result)) == expected[number % VARIANTS], job_id
        commits = user.hub.list_repo_commits(result, repo_type="dataset")
        assert len([commit for commit in commits if job_id in commit.title + commit.message]) == 1
        assert user.owned(job_id, "jobs") == 3

    user.delete(*undisturbed, *ids)
    for job_id in (*undisturbed, *ids):
        user.wait_until_nothing_is_left(job_id)
