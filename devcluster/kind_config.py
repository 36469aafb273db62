"""The kind cluster's configuration, as plain data. kind reads YAML, of which JSON is a part."""

import json
from pathlib import Path

from devcluster.provider import Provider

# What the chart's Service and the local hub's Service ask for.
GATEWAY_NODE_PORT = 30080
HUB_NODE_PORT = 30081
# Where containerd looks for a folder per registry.
NODE_CERTS_FOLDER = "/etc/containerd/certs.d"


def kind_config(provider: Provider, gateway_port: int, hub_port: int, certs_folder: Path) -> str:
    """One node, its two node ports on this machine's loopback address, and the folder that names the registry.

    certs_folder: a folder of this machine with one folder per registry, mounted into the node.
    """
    config: dict[str, object] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "containerdConfigPatches": [
            f'[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "{NODE_CERTS_FOLDER}"\n'
        ],
        "nodes": [
            {
                "role": "control-plane",
                "extraPortMappings": [
                    {"containerPort": GATEWAY_NODE_PORT, "hostPort": gateway_port, "listenAddress": "127.0.0.1"},
                    {"containerPort": HUB_NODE_PORT, "hostPort": hub_port, "listenAddress": "127.0.0.1"},
                ],
                "extraMounts": [{"hostPath": str(certs_folder), "containerPath": NODE_CERTS_FOLDER, "readOnly": True}],
            }
        ],
    }
    # Some hosts still mount cgroup v1, which the kubelet otherwise refuses.
    kubelet = "kind: KubeletConfiguration\nfailCgroupV1: false\n"
    if provider is Provider.PODMAN:
        # The node image built here carries a one-node bridge instead of kind's network plugin, and on cgroup v1 systemd
        # in the node cannot own the pods' groups.
        config["networking"] = {"disableDefaultCNI": True, "kubeProxyMode": "nftables"}
        kubelet += "cgroupDriver: cgroupfs\n"
    config["kubeadmConfigPatches"] = [kubelet]
    return json.dumps(config, indent=1) + "\n"


def hosts_toml(address: str) -> str:
    """containerd's file for a registry that speaks plain HTTP at `address` (host:port)."""
    return f'[host."http://{address}"]\n  capabilities = ["pull", "resolve"]\n'
