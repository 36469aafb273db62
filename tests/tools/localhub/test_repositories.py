"""Dataset repositories: creation, description, revisions, deletion."""

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError


def test_new_dataset_contains_only_default_gitattributes(api: HfApi, repo: str) -> None:
    info = api.dataset_info(repo)
    assert (info.id, info.author, info.private) == (repo, "demo", False)
    assert [sibling.rfilename for sibling in info.siblings or []] == [".gitattributes"]
    assert len(api.list_repo_commits(repo, repo_type="dataset")) == 1


def test_creating_existing_dataset_is_conflict_without_exist_ok(api: HfApi, repo: str) -> None:
    with pytest.raises(HfHubHTTPError) as conflict:
        api.create_repo(repo, repo_type="dataset")
    assert conflict.value.response.status_code == 409
    assert api.create_repo(repo, repo_type="dataset", exist_ok=True).repo_id == repo


def test_private_dataset_is_reported_as_private(api: HfApi, private_repo: str) -> None:
    assert api.dataset_info(private_repo).private is True


def test_dataset_visibility_can_be_changed(api: HfApi, nobody: HfApi, repo: str) -> None:
    api.update_repo_settings(repo, repo_type="dataset", private=True)
    assert api.dataset_info(repo).private is True
    with pytest.raises(RepositoryNotFoundError):
        nobody.dataset_info(repo)
    api.update_repo_settings(repo, repo_type="dataset", private=False, gated="auto")
    info = nobody.dataset_info(repo)
    assert (info.private, info.gated) == (False, "auto")


def test_only_owner_may_change_visibility(read_only: HfApi, private_repo: str) -> None:
    with pytest.raises(HfHubHTTPError) as refused:
        read_only.update_repo_settings(private_repo, repo_type="dataset", private=False)
    assert refused.value.response.status_code == 403


def test_model_repository_is_rejected(api: HfApi, name: str) -> None:
    with pytest.raises(HfHubHTTPError, match="datasets only"):
        api.create_repo(name, repo_type="model")


@pytest.mark.parametrize("bad", ["demo/..%2fsecret", "demo/.hidden", "demo/a--b"])
def test_malformed_name_is_rejected(api: HfApi, bad: str) -> None:
    with pytest.raises((HfHubHTTPError, ValueError)):
        api.create_repo(bad, repo_type="dataset")


def test_deleted_dataset_is_404_and_its_name_is_free(api: HfApi, repo: str) -> None:
    api.delete_repo(repo, repo_type="dataset")
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info(repo)
    api.delete_repo(repo, repo_type="dataset", missing_ok=True)
    api.create_repo(repo, repo_type="dataset")


def test_missing_dataset_raises_repository_not_found(api: HfApi) -> None:
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info("demo/never-made")


def test_missing_revision_raises_revision_not_found(api: HfApi, repo: str) -> None:
    for revision in ("v9.9", "deadbeef", "../../etc", "refs/pr/1"):
        with pytest.raises(RevisionNotFoundError):
            api.dataset_info(repo, revision=revision)


def test_tag_keeps_its_commit(api: HfApi, repo: str) -> None:
    tagged = api.dataset_info(repo).sha
    api.create_tag(repo, tag="v3.0", repo_type="dataset")
    api.upload_file(path_or_fileobj=b"later", path_in_repo="later.txt", repo_id=repo, repo_type="dataset")
    assert api.dataset_info(repo, revision="v3.0").sha == tagged != api.dataset_info(repo).sha
    (tag,) = api.list_repo_refs(repo, repo_type="dataset").tags
    assert (tag.name, tag.ref, tag.target_commit) == ("v3.0", "refs/tags/v3.0", tagged)


def test_tag_accepts_full_or_abbreviated_commit_id(api: HfApi, repo: str) -> None:
    oid = api.dataset_info(repo).sha or ""
    api.create_tag(repo, tag="full", revision=oid, repo_type="dataset")
    api.create_tag(repo, tag="short", revision=oid[:7], repo_type="dataset")
    assert {tag.target_commit for tag in api.list_repo_refs(repo, repo_type="dataset").tags} == {oid}


def test_creating_existing_tag_is_conflict_without_exist_ok(api: HfApi, repo: str) -> None:
    api.create_tag(repo, tag="v3.0", repo_type="dataset")
    with pytest.raises(HfHubHTTPError) as conflict:
        api.create_tag(repo, tag="v3.0", repo_type="dataset")
    assert conflict.value.response.status_code == 409
    api.create_tag(repo, tag="v3.0", repo_type="dataset", exist_ok=True)


def test_deleted_tag_can_be_created_at_another_commit(api: HfApi, repo: str) -> None:
    api.create_tag(repo, tag="v3.0", repo_type="dataset")
    commit = api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo, repo_type="dataset")
    api.delete_tag(repo, tag="v3.0", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        api.delete_tag(repo, tag="v3.0", repo_type="dataset")
    api.create_tag(repo, tag="v3.0", repo_type="dataset")
    assert api.dataset_info(repo, revision="v3.0").sha == commit.oid


@pytest.mark.parametrize("branch", ["draft", "fix/light", "Zusätze"])
def test_branch_is_independent_of_main(api: HfApi, repo: str, branch: str) -> None:
    api.create_branch(repo, branch=branch, repo_type="dataset")
    api.create_branch(repo, branch=branch, repo_type="dataset", exist_ok=True)
    api.upload_file(path_or_fileobj=b"1", path_in_repo="b/only.txt", repo_id=repo, repo_type="dataset", revision=branch)
    assert "b/only.txt" in api.list_repo_files(repo, repo_type="dataset", revision=branch)
    assert "b/only.txt" not in api.list_repo_files(repo, repo_type="dataset")
    api.delete_branch(repo, branch=branch, repo_type="dataset")
    assert [ref.name for ref in api.list_repo_refs(repo, repo_type="dataset").branches] == ["main"]


def test_main_branch_cannot_be_deleted(api: HfApi, repo: str) -> None:
    with pytest.raises(HfHubHTTPError) as refusal:
        api.delete_branch(repo, branch="main", repo_type="dataset")
    assert refusal.value.response.status_code == 403


def test_datasets_are_filtered_by_author_and_search_term(api: HfApi, repo: str) -> None:
    assert repo in {dataset.id for dataset in api.list_datasets(author="demo")}
    assert [dataset.id for dataset in api.list_datasets(search=repo.upper())] == [repo]
    assert list(api.list_datasets(author="nobody-here")) == []


def test_whoami_returns_user_and_role(api: HfApi, read_only: HfApi) -> None:
    assert api.whoami()["name"] == "demo"
    assert read_only.whoami()["auth"]["accessToken"]["role"] == "read"
