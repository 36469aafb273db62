"""The hub's pages for a browser."""

import httpx
from huggingface_hub import CommitOperationAdd, HfApi


def test_first_page_lists_public_datasets_only(api: HfApi, repo: str) -> None:
    api.create_repo(f"{repo}-hidden", repo_type="dataset", private=True)
    page = httpx.get(api.endpoint).text
    assert f'href="/datasets/{repo}"' in page
    assert f"{repo}-hidden" not in page


def test_dataset_page_links_to_bytes_of_each_file(api: HfApi, repo: str) -> None:
    api.upload_file(path_or_fileobj=b"frames", path_in_repo="videos/a b.mp4", repo_id=repo, repo_type="dataset")
    link = f"/datasets/{repo}/resolve/main/videos/a%20b.mp4"
    assert f'href="{link}"' in httpx.get(f"{api.endpoint}/datasets/{repo}").text
    answer = httpx.get(f"{api.endpoint}{link}")
    assert (answer.content, answer.headers["content-type"]) == (b"frames", "video/mp4")


def test_names_and_titles_are_escaped(api: HfApi, repo: str) -> None:
    add = CommitOperationAdd("<img src=x>.txt", b"1")
    api.create_commit(repo, [add], commit_message="<script>alert(1)</script>", repo_type="dataset")
    for url in (api.endpoint, f"{api.endpoint}/datasets/{repo}"):
        page = httpx.get(url).text
        assert "<script" not in page
        assert "<img" not in page


def test_urls_returned_by_client_can_be_opened(api: HfApi, repo: str) -> None:
    info = api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo, repo_type="dataset")
    assert info.oid[:8] in httpx.get(info.commit_url).text
    assert httpx.get(f"{api.endpoint}/datasets/{repo}/blob/main/a.txt", follow_redirects=True).content == b"1"


def test_private_dataset_has_no_page_for_others(nobody: HfApi, private_repo: str) -> None:
    assert httpx.get(f"{nobody.endpoint}/datasets/{private_repo}").status_code == 401
