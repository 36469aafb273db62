#!/usr/bin/env bash
# Build a kind node image from parts built here, for hosts that cannot pull kindest/node.
# usage: node-image.sh BIN_DIR KIND_MODULE_DIR IMAGE SUITE     (root; podman, buildah, mmdebstrap, runc)
# BIN_DIR holds etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy, kubelet, kubeadm, kubectl,
# containerd, containerd-shim-runc-v2, ctr, coredns. KIND_MODULE_DIR is the unpacked Go module sigs.k8s.io/kind.
# The image appears under its name only when it is complete.
set -euo pipefail
bin=$(realpath "$1"); kind=$(realpath "$2"); image=$3; suite=$4
base=localhost/devcluster-node-base empty=localhost/devcluster-node-empty fill=devcluster-node-fill
work=$(mktemp -d)
names=()
clean() {
  podman rm -f "$fill" >/dev/null 2>&1 || true
  # The parts are inside the node image by now; a killed run's parts go with the next run's.
  podman rmi -f "${names[@]}" "$empty" "$base" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean EXIT
version=$("$bin/kubeadm" version -o short)

echo "Debian base ($suite)"
mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,conntrack,iptables,nftables,iproute2,ethtool,util-linux,mount,kmod,libseccomp2,pigz,bash,ca-certificates,curl,jq,procps,runc,containernetworking-plugins,socat \
  "$suite" "$work/base.tar"
podman import -q "$work/base.tar" "$base" >/dev/null
rm "$work/base.tar"

component() { # component NAME BASE FILE DESTINATION [ENTRYPOINT]: an image of one binary, under the name kubeadm asks for
  local c; c=$(buildah from "$2"); buildah copy -q "$c" "$3" "$4" >/dev/null
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ${5:+--entrypoint "$5"} "$c"
  buildah commit -q --rm "$c" "$1" >/dev/null
}
mapfile -t names < <("$bin/kubeadm" config images list --kubernetes-version "$version" 2>/dev/null)
for name in "${names[@]}"; do
  echo "component image $name"
  case $name in
    */kube-proxy:*) component "$name" "$base" "$bin/kube-proxy" /usr/local/bin/kube-proxy ;;
    */coredns:*)    component "$name" "$base" "$bin/coredns" /coredns '["/coredns"]' ;;
    */etcd:*)       component "$name" scratch "$bin/etcd" /usr/local/bin/etcd ;;
    */pause:*)      component "$name" "$base" /bin/true /true '["/usr/bin/sleep","infinity"]'; pause=$name ;;
    *) binary=${name##*/}; binary=${binary%:*}; component "$name" scratch "$bin/$binary" "/usr/local/bin/$binary" ;;
  esac
done
podman save -q --multi-image-archive -o "$work/images.tar" "${names[@]}"

echo "node file system"
cp -r "$kind/images/base/files" "$work/files"; chmod -R u+w "$work/files"
# kind's own network plugin is an image that cannot be pulled either; one node needs no more than a bridge.
cat >"$work/bridge.conflist" <<'JSON'
{"cniVersion":"1.0.0","name":"kind","plugins":[{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,"hairpinMode":true,
 "ipam":{"type":"host-local","ranges":[[{"subnet":"10.244.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},{"type":"portmap","capabilities":{"portMappings":true}}]}
JSON
# kind expects to apply a default StorageClass; nothing provisions volumes here, manifests bring their own.
cat >"$work/storage.yaml" <<'YAML'
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: standard, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
YAML
c=$(buildah from "$base")
buildah copy -q "$c" "$work/files" / >/dev/null
buildah copy -q "$c" "$bin/containerd" "$bin/containerd-shim-runc-v2" "$bin/ctr" /usr/local/bin/ >/dev/null
buildah copy -q "$c" "$bin/kubelet" "$bin/kubeadm" "$bin/kubectl" /usr/bin/ >/dev/null
buildah copy -q "$c" "$work/bridge.conflist" /etc/cni/net.d/10-bridge.conflist >/dev/null
buildah copy -q "$c" "$work/storage.yaml" /kind/manifests/default-storage.yaml >/dev/null
buildah run --isolation chroot "$c" -- bash -euc "
  chmod +x /usr/local/bin/* /kind/bin/*; echo $version >/kind/version
  mkdir -p /opt/cni/bin /etc/kubernetes/manifests; cp /usr/lib/cni/* /opt/cni/bin/
  sed -i 's#sandbox_image = .*#sandbox_image = \"$pause\"#; s/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml
  ctr oci spec >/etc/containerd/cri-base.json
  rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/sockets.target.wants/*udev* /lib/systemd/system/basic.target.wants/*
  echo ReadKMsg=no >>/etc/systemd/journald.conf
  systemctl enable kubelet.service containerd.service undo-mount-hacks.service; systemctl mask systemd-binfmt.service" 2>/dev/null
buildah config --env container=docker --stop-signal SIGRTMIN+3 --entrypoint '["/usr/local/bin/entrypoint","/sbin/init"]' "$c"
buildah commit -q --rm "$c" "$empty" >/dev/null

# containerd has to run to take the images in: a privileged container, committed.
echo "load component images"
podman rm -f "$fill" >/dev/null 2>&1 || true
podman run --name "$fill" --privileged --network none --entrypoint bash -v "$work:/parts:ro" "$empty" -euc '
  containerd >/tmp/log 2>&1 & for _ in $(seq 50); do ctr version >/dev/null 2>&1 && break; sleep 0.2; done
  ctr -n k8s.io images import --no-unpack --local /parts/images.tar >/dev/null; kill %1; wait || true; rm -f /tmp/log'
echo "commit $image"
podman commit -q --change 'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]' --change 'CMD []' "$fill" "$image" >/dev/null
echo "$image ($version)"
