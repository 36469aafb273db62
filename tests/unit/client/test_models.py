"""The client's models match the gateway's responses, field by field."""

import pytest
from pydantic import BaseModel

from augmentation_client import models
from augmentation_gateway.dialects.native import documents, status, summary
from augmentation_gateway.views import phases


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (models.Submitted, documents.AugmentationResponse),
        (models.Cancelled, documents.CancelResponse),
        (models.Retried, documents.RetryResponse),
        (models.PhaseEvent, phases.PhaseEventView),
        (models.Phase, phases.PhaseView),
        (models.Tally, status.TallyView),
        (models.Progress, status.ProgressView),
        (models.Output, status.OutputView),
        (models.BadEpisode, status.BadEpisodeView),
        (models.BadEpisodes, status.BadEpisodesView),
        (models.JobStatus, status.AugmentationStatusResponse),
        (models.JobSummary, summary.AugmentationSummary),
        (models.JobPage, summary.AugmentationList),
        (models.OutputFile, documents.OutputFileView),
        (models.Outputs, documents.OutputsResponse),
        (models.StreamedEvent, summary.StreamedEvent),
    ],
)
def test_model_has_fields_and_required_fields_of_response(mine: type[BaseModel], theirs: type[BaseModel]) -> None:
    assert list(mine.model_fields) == list(theirs.model_fields)
    required = {name: field.is_required() for name, field in theirs.model_fields.items()}
    assert {name: field.is_required() for name, field in mine.model_fields.items()} == required
