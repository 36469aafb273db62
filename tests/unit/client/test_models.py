"""The client's models are the gateway's answers, field by field."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from augmentation_client import models
from augmentation_gateway.dialects.native import answer, results, summary


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (models.Submitted, answer.AugmentationResponse),
        (models.Cancelled, answer.CancelResponse),
        (models.Retried, answer.RetryResponse),
        (models.PhaseEvent, answer.PhaseEventView),
        (models.Phase, answer.PhaseView),
        (models.Tally, answer.TallyView),
        (models.Progress, answer.ProgressView),
        (models.Output, answer.OutputView),
        (models.JobStatus, answer.AugmentationStatusResponse),
        (models.JobSummary, summary.AugmentationSummary),
        (models.JobPage, summary.AugmentationList),
        (models.OutputFile, results.OutputFileView),
        (models.Outputs, results.OutputsResponse),
        (models.StreamedEvent, summary.StreamedEvent),
    ],
)
def test_a_model_has_the_fields_of_the_answer_and_its_required_ones(
    mine: type[BaseModel], theirs: type[BaseModel]
) -> None:
    assert list(mine.model_fields) == list(theirs.model_fields)
    required = {name: field.is_required() for name, field in theirs.model_fields.items()}
    assert {name: field.is_required() for name, field in mine.model_fields.items()} == required
