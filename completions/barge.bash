# bash completion for barge. Written by `make golden` from the definitions of the command line; do not edit.

_barge_commands() {
    case "$1" in
        "barge") echo "attach container create exec history image images info inspect kill load login logout logs network oci pause port ps pull push rename restart rm rmi run save selftest start stop system tag top unpause untag version wait" ;;
        "barge container") echo "attach create exec exists inspect kill list logs ls pause port prune ps remove rename restart rm run start stop top unpause wait" ;;
        "barge image") echo "exists history inspect list load ls prune pull push remove rm save tag untag" ;;
        "barge network") echo "connect create disconnect exists explain inspect list ls prune reload remove rm update" ;;
        "barge oci") echo "create delete events exec features kill list pause ps resume run spec start state update" ;;
        "barge system") echo "check info reset" ;;
    esac
}

_barge_flags() {
    case "$1" in
        "barge") echo "--cgroup-manager --config --debug -D --help -h --log-level --noout --out --root --runroot --storage-driver --tmpdir --version -v" ;;
        "barge attach") echo "--detach-keys --help --latest -l --no-stdin --sig-proxy" ;;
        "barge container") echo "--help" ;;
        "barge container attach") echo "--detach-keys --help --latest -l --no-stdin --sig-proxy" ;;
        "barge container create") echo "--add-host --annotation --arch --attach -a --authfile --blkio-weight --blkio-weight-device --cap-add --cap-drop --cert-dir --cgroup-conf --cgroup-parent --cgroupns --cgroups --cidfile --conmon-pidfile --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --creds --device --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-option --dns-search --domainname --entrypoint --env -e --env-file --env-host --expose --gidmap --group-add --help --hostname -h --http-proxy --init --interactive -i --ip --ip6 --ipc --label -l --label-file --link --log-driver --log-opt --mac-address --memory -m --memory-reservation --memory-swap --memory-swappiness --mount --name --network --network-alias --no-hostname --no-hosts --oom-kill-disable --oom-score-adj --os --passwd-entry --pid --pidfile --pids-limit --platform --preserve-fds --privileged --publish -p --publish-all -P --pull --quiet -q --read-only --read-only-tmpfs --replace --restart --retry --retry-delay --rm --rootfs --security-opt --shm-size --stop-signal --stop-timeout --subgidname --subuidname --sysctl --timeout --tls-verify --tmpfs --tty -t --tz --uidmap --ulimit --umask --unsetenv --unsetenv-all --user -u --userns --uts --variant --volume -v --workdir -w" ;;
        "barge container exec") echo "--detach -d --detach-keys --env -e --env-file --help --interactive -i --latest -l --preserve-fds --privileged --tty -t --user -u --workdir -w" ;;
        "barge container exists") echo "--help" ;;
        "barge container inspect") echo "--format -f --help --latest -l --size -s" ;;
        "barge container kill") echo "--all -a --cidfile --help --latest -l --signal -s" ;;
        "barge container list") echo "--all -a --filter -f --format --help --last -n --latest -l --no-trunc --noheading --ns --quiet -q --size -s --sort" ;;
        "barge container logs") echo "--follow -f --help --latest -l --names --since --tail -n --timestamps -t --until" ;;
        "barge container ls") echo "--all -a --filter -f --format --help --last -n --latest -l --no-trunc --noheading --ns --quiet -q --size -s --sort" ;;
        "barge container pause") echo "--all -a --cidfile --filter -f --help --latest -l" ;;
        "barge container port") echo "--all -a --help --latest -l" ;;
        "barge container prune") echo "--filter --force -f --help" ;;
        "barge container ps") echo "--all -a --filter -f --format --help --last -n --latest -l --no-trunc --noheading --ns --quiet -q --size -s --sort" ;;
        "barge container remove") echo "--all -a --cidfile --filter --force -f --help --ignore -i --latest -l --time -t --volumes -v" ;;
        "barge container rename") echo "--help" ;;
        "barge container restart") echo "--all -a --cidfile --filter -f --help --latest -l --running --signal -s --time -t" ;;
        "barge container rm") echo "--all -a --cidfile --filter --force -f --help --ignore -i --latest -l --time -t --volumes -v" ;;
        "barge container run") echo "--add-host --annotation --arch --attach -a --authfile --blkio-weight --blkio-weight-device --cap-add --cap-drop --cert-dir --cgroup-conf --cgroup-parent --cgroupns --cgroups --cidfile --conmon-pidfile --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --creds --detach -d --detach-keys --device --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-option --dns-search --domainname --entrypoint --env -e --env-file --env-host --expose --gidmap --group-add --help --hostname -h --http-proxy --init --interactive -i --ip --ip6 --ipc --label -l --label-file --link --log-driver --log-opt --mac-address --memory -m --memory-reservation --memory-swap --memory-swappiness --mount --name --network --network-alias --no-hostname --no-hosts --oom-kill-disable --oom-score-adj --os --passwd-entry --pid --pidfile --pids-limit --platform --preserve-fds --privileged --publish -p --publish-all -P --pull --quiet -q --read-only --read-only-tmpfs --replace --restart --retry --retry-delay --rm --rootfs --security-opt --shm-size --sig-proxy --stop-signal --stop-timeout --subgidname --subuidname --sysctl --timeout --tls-verify --tmpfs --tty -t --tz --uidmap --ulimit --umask --unsetenv --unsetenv-all --user -u --userns --uts --variant --volume -v --workdir -w" ;;
        "barge container start") echo "--all --attach -a --detach-keys --filter -f --help --interactive -i --latest -l --sig-proxy" ;;
        "barge container stop") echo "--all -a --cidfile --filter -f --help --ignore -i --latest -l --signal -s --time -t" ;;
        "barge container top") echo "--help --latest -l --list-descriptors" ;;
        "barge container unpause") echo "--all -a --cidfile --filter -f --help --latest -l" ;;
        "barge container wait") echo "--condition --help --ignore --latest -l" ;;
        "barge create") echo "--add-host --annotation --arch --attach -a --authfile --blkio-weight --blkio-weight-device --cap-add --cap-drop --cert-dir --cgroup-conf --cgroup-parent --cgroupns --cgroups --cidfile --conmon-pidfile --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --creds --device --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-option --dns-search --domainname --entrypoint --env -e --env-file --env-host --expose --gidmap --group-add --help --hostname -h --http-proxy --init --interactive -i --ip --ip6 --ipc --label -l --label-file --link --log-driver --log-opt --mac-address --memory -m --memory-reservation --memory-swap --memory-swappiness --mount --name --network --network-alias --no-hostname --no-hosts --oom-kill-disable --oom-score-adj --os --passwd-entry --pid --pidfile --pids-limit --platform --preserve-fds --privileged --publish -p --publish-all -P --pull --quiet -q --read-only --read-only-tmpfs --replace --restart --retry --retry-delay --rm --rootfs --security-opt --shm-size --stop-signal --stop-timeout --subgidname --subuidname --sysctl --timeout --tls-verify --tmpfs --tty -t --tz --uidmap --ulimit --umask --unsetenv --unsetenv-all --user -u --userns --uts --variant --volume -v --workdir -w" ;;
        "barge exec") echo "--detach -d --detach-keys --env -e --env-file --help --interactive -i --latest -l --preserve-fds --privileged --tty -t --user -u --workdir -w" ;;
        "barge history") echo "--format --help --human -H --no-trunc --quiet -q" ;;
        "barge image") echo "--help" ;;
        "barge image exists") echo "--help" ;;
        "barge image history") echo "--format --help --human -H --no-trunc --quiet -q" ;;
        "barge image inspect") echo "--format -f --help" ;;
        "barge image list") echo "--all -a --digests --filter -f --format --help --history --no-trunc --noheading -n --quiet -q --sort" ;;
        "barge image load") echo "--help --input -i --platform --quiet -q" ;;
        "barge image ls") echo "--all -a --digests --filter -f --format --help --history --no-trunc --noheading -n --quiet -q --sort" ;;
        "barge image prune") echo "--all -a --filter --force -f --help" ;;
        "barge image pull") echo "--all-tags -a --arch --authfile --cert-dir --creds --help --os --platform --policy --quiet -q --retry --retry-delay --tls-verify --variant" ;;
        "barge image push") echo "--all-tags -a --authfile --cert-dir --compression-format --compression-level --creds --digestfile --force-compression --format -f --help --quiet -q --remove-signatures --retry --retry-delay --tls-verify" ;;
        "barge image remove") echo "--all -a --force -f --help --ignore -i --no-prune" ;;
        "barge image rm") echo "--all -a --force -f --help --ignore -i --no-prune" ;;
        "barge image save") echo "--compress --format --help --output -o --quiet -q" ;;
        "barge image tag") echo "--help" ;;
        "barge image untag") echo "--help" ;;
        "barge images") echo "--all -a --digests --filter -f --format --help --history --no-trunc --noheading -n --quiet -q --sort" ;;
        "barge info") echo "--format -f --help" ;;
        "barge inspect") echo "--format -f --help --latest -l --size -s --type" ;;
        "barge kill") echo "--all -a --cidfile --help --latest -l --signal -s" ;;
        "barge load") echo "--help --input -i --platform --quiet -q" ;;
        "barge login") echo "--authfile --cert-dir --compat-auth-file --get-login --help --password -p --password-stdin --tls-verify --username -u --verbose -v" ;;
        "barge logout") echo "--all -a --authfile --compat-auth-file --help" ;;
        "barge logs") echo "--follow -f --help --latest -l --names --since --tail -n --timestamps -t --until" ;;
        "barge network") echo "--help" ;;
        "barge network connect") echo "--alias --help --ip --ip6 --mac-address" ;;
        "barge network create") echo "--aux-address --disable-dns --dns --driver -d --gateway --help --ignore --interface-name --internal --ip-range --ipam-driver --ipv6 --label --opt -o --route --subnet" ;;
        "barge network disconnect") echo "--force -f --help" ;;
        "barge network exists") echo "--help" ;;
        "barge network explain") echo "--help" ;;
        "barge network inspect") echo "--format -f --help" ;;
        "barge network list") echo "--filter -f --format --help --no-trunc --noheading -n --quiet -q" ;;
        "barge network ls") echo "--filter -f --format --help --no-trunc --noheading -n --quiet -q" ;;
        "barge network prune") echo "--filter --force -f --help" ;;
        "barge network reload") echo "--all -a --help --latest -l" ;;
        "barge network remove") echo "--force -f --help --time -t" ;;
        "barge network rm") echo "--force -f --help --time -t" ;;
        "barge network update") echo "--dns-add --dns-drop --help" ;;
        "barge oci") echo "--help" ;;
        "barge oci create") echo "--bundle -b --console-socket --help --no-new-keyring --no-pivot --pid-file --preserve-fds" ;;
        "barge oci delete") echo "--force -f --help" ;;
        "barge oci events") echo "--help --interval --stats" ;;
        "barge oci exec") echo "--additional-gids -g --apparmor --cap -c --console-socket --cwd --detach -d --env -e --help --ignore-paused --no-new-privs --pid-file --preserve-fds --process -p --process-label --tty -t --user -u" ;;
        "barge oci features") echo "--help" ;;
        "barge oci kill") echo "--all -a --help" ;;
        "barge oci list") echo "--format -f --help --quiet -q" ;;
        "barge oci pause") echo "--help" ;;
        "barge oci ps") echo "--format -f --help" ;;
        "barge oci resume") echo "--help" ;;
        "barge oci run") echo "--bundle -b --console-socket --detach -d --help --keep --no-new-keyring --no-pivot --no-subreaper --pid-file --preserve-fds" ;;
        "barge oci spec") echo "--bundle -b --help --rootless" ;;
        "barge oci start") echo "--help" ;;
        "barge oci state") echo "--help" ;;
        "barge oci update") echo "--blkio-weight --cpu-burst --cpu-idle --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpu-share --cpuset-cpus --cpuset-mems --help --memory --memory-reservation --memory-swap --pids-limit --resources -r" ;;
        "barge pause") echo "--all -a --cidfile --filter -f --help --latest -l" ;;
        "barge port") echo "--all -a --help --latest -l" ;;
        "barge ps") echo "--all -a --filter -f --format --help --last -n --latest -l --no-trunc --noheading --ns --quiet -q --size -s --sort" ;;
        "barge pull") echo "--all-tags -a --arch --authfile --cert-dir --creds --help --os --platform --policy --quiet -q --retry --retry-delay --tls-verify --variant" ;;
        "barge push") echo "--all-tags -a --authfile --cert-dir --compression-format --compression-level --creds --digestfile --force-compression --format -f --help --quiet -q --remove-signatures --retry --retry-delay --tls-verify" ;;
        "barge rename") echo "--help" ;;
        "barge restart") echo "--all -a --cidfile --filter -f --help --latest -l --running --signal -s --time -t" ;;
        "barge rm") echo "--all -a --cidfile --filter --force -f --help --ignore -i --latest -l --time -t --volumes -v" ;;
        "barge rmi") echo "--all -a --force -f --help --ignore -i --no-prune" ;;
        "barge run") echo "--add-host --annotation --arch --attach -a --authfile --blkio-weight --blkio-weight-device --cap-add --cap-drop --cert-dir --cgroup-conf --cgroup-parent --cgroupns --cgroups --cidfile --conmon-pidfile --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --creds --detach -d --detach-keys --device --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-option --dns-search --domainname --entrypoint --env -e --env-file --env-host --expose --gidmap --group-add --help --hostname -h --http-proxy --init --interactive -i --ip --ip6 --ipc --label -l --label-file --link --log-driver --log-opt --mac-address --memory -m --memory-reservation --memory-swap --memory-swappiness --mount --name --network --network-alias --no-hostname --no-hosts --oom-kill-disable --oom-score-adj --os --passwd-entry --pid --pidfile --pids-limit --platform --preserve-fds --privileged --publish -p --publish-all -P --pull --quiet -q --read-only --read-only-tmpfs --replace --restart --retry --retry-delay --rm --rootfs --security-opt --shm-size --sig-proxy --stop-signal --stop-timeout --subgidname --subuidname --sysctl --timeout --tls-verify --tmpfs --tty -t --tz --uidmap --ulimit --umask --unsetenv --unsetenv-all --user -u --userns --uts --variant --volume -v --workdir -w" ;;
        "barge save") echo "--compress --format --help --output -o --quiet -q" ;;
        "barge selftest") echo "--add-host --blkio-weight --blkio-weight-device --cap-add --cap-drop --cgroup-conf --cgroup-parent --cgroupns --cgroups --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --device --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-option --dns-search --domainname --entrypoint --env -e --env-file --env-host --expose --format --gidmap --group-add --help --hostname -h --http-proxy --init --interactive -i --ip --ip6 --ipc --link --mac-address --memory -m --memory-reservation --memory-swap --memory-swappiness --mount --network --network-alias --no-hostname --no-hosts --oom-kill-disable --oom-score-adj --passwd-entry --pid --pids-limit --preserve-fds --privileged --publish -p --publish-all -P --read-only --read-only-tmpfs --security-opt --shm-size --stop-signal --stop-timeout --subgidname --subuidname --sysctl --timeout --tmpfs --tty -t --tz --uidmap --ulimit --umask --unsetenv --unsetenv-all --user -u --userns --uts --volume -v --workdir -w" ;;
        "barge start") echo "--all --attach -a --detach-keys --filter -f --help --interactive -i --latest -l --sig-proxy" ;;
        "barge stop") echo "--all -a --cidfile --filter -f --help --ignore -i --latest -l --signal -s --time -t" ;;
        "barge system") echo "--help" ;;
        "barge system check") echo "--help --no-repair --quick -q" ;;
        "barge system info") echo "--format -f --help" ;;
        "barge system reset") echo "--force -f --help" ;;
        "barge tag") echo "--help" ;;
        "barge top") echo "--help --latest -l --list-descriptors" ;;
        "barge unpause") echo "--all -a --cidfile --filter -f --help --latest -l" ;;
        "barge untag") echo "--help" ;;
        "barge version") echo "--format -f --help" ;;
        "barge wait") echo "--condition --help --ignore --latest -l" ;;
    esac
}

_barge_flags_with_value() {
    case "$1" in
        "barge") echo "--cgroup-manager --config --log-level --out --root --runroot --storage-driver --tmpdir" ;;
        "barge attach") echo "--detach-keys --sig-proxy" ;;
        "barge container attach") echo "--detach-keys --sig-proxy" ;;
        "barge container create") echo "--add-host --annotation --arch --attach -a --authfile --blkio-weight --blkio-weight-device --cap-add --cap-drop --cert-dir --cgroup-conf --cgroup-parent --cgroupns --cgroups --cidfile --conmon-pidfile --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --creds --device --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-option --dns-search --domainname --entrypoint --env -e --env-file --expose --gidmap --group-add --hostname -h --ip --ip6 --ipc --label -l --label-file --link --log-driver --log-opt --mac-address --memory -m --memory-reservation --memory-swap --memory-swappiness --mount --name --network --network-alias --oom-score-adj --os --passwd-entry --pid --pidfile --pids-limit --platform --preserve-fds --publish -p --pull --restart --retry --retry-delay --security-opt --shm-size --stop-signal --stop-timeout --subgidname --subuidname --sysctl --timeout --tls-verify --tmpfs --tz --uidmap --ulimit --umask --unsetenv --user -u --userns --uts --variant --volume -v --workdir -w" ;;
        "barge container exec") echo "--detach-keys --env -e --env-file --preserve-fds --user -u --workdir -w" ;;
        "barge container inspect") echo "--format -f" ;;
        "barge container kill") echo "--cidfile --signal -s" ;;
        "barge container list") echo "--filter -f --format --last -n --sort" ;;
        "barge container logs") echo "--since --tail -n --until" ;;
        "barge container ls") echo "--filter -f --format --last -n --sort" ;;
        "barge container pause") echo "--cidfile --filter -f" ;;
        "barge container prune") echo "--filter" ;;
        "barge container ps") echo "--filter -f --format --last -n --sort" ;;
        "barge container remove") echo "--cidfile --filter --time -t" ;;
        "barge container restart") echo "--cidfile --filter -f --signal -s --time -t" ;;
        "barge container rm") echo "--cidfile --filter --time -t" ;;
        "barge container run") echo "--add-host --annotation --arch --attach -a --authfile --blkio-weight --blkio-weight-device --cap-add --cap-drop --cert-dir --cgroup-conf --cgroup-parent --cgroupns --cgroups --cidfile --conmon-pidfile --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --creds --detach-keys --device --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-option --dns-search --domainname --entrypoint --env -e --env-file --expose --gidmap --group-add --hostname -h --ip --ip6 --ipc --label -l --label-file --link --log-driver --log-opt --mac-address --memory -m --memory-reservation --memory-swap --memory-swappiness --mount --name --network --network-alias --oom-score-adj --os --passwd-entry --pid --pidfile --pids-limit --platform --preserve-fds --publish -p --pull --restart --retry --retry-delay --security-opt --shm-size --stop-signal --stop-timeout --subgidname --subuidname --sysctl --timeout --tls-verify --tmpfs --tz --uidmap --ulimit --umask --unsetenv --user -u --userns --uts --variant --volume -v --workdir -w" ;;
        "barge container start") echo "--detach-keys --filter -f --sig-proxy" ;;
        "barge container stop") echo "--cidfile --filter -f --signal -s --time -t" ;;
        "barge container unpause") echo "--cidfile --filter -f" ;;
        "barge container wait") echo "--condition" ;;
        "barge create") echo "--add-host --annotation --arch --attach -a --authfile --blkio-weight --blkio-weight-device --cap-add --cap-drop --cert-dir --cgroup-conf --cgroup-parent --cgroupns --cgroups --cidfile --conmon-pidfile --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --creds --device --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-option --dns-search --domainname --entrypoint --env -e --env-file --expose --gidmap --group-add --hostname -h --ip --ip6 --ipc --label -l --label-file --link --log-driver --log-opt --mac-address --memory -m --memory-reservation --memory-swap --memory-swappiness --mount --name --network --network-alias --oom-score-adj --os --passwd-entry --pid --pidfile --pids-limit --platform --preserve-fds --publish -p --pull --restart --retry --retry-delay --security-opt --shm-size --stop-signal --stop-timeout --subgidname --subuidname --sysctl --timeout --tls-verify --tmpfs --tz --uidmap --ulimit --umask --unsetenv --user -u --userns --uts --variant --volume -v --workdir -w" ;;
        "barge exec") echo "--detach-keys --env -e --env-file --preserve-fds --user -u --workdir -w" ;;
        "barge history") echo "--format" ;;
        "barge image history") echo "--format" ;;
        "barge image inspect") echo "--format -f" ;;
        "barge image list") echo "--filter -f --format --sort" ;;
        "barge image load") echo "--input -i --platform" ;;
        "barge image ls") echo "--filter -f --format --sort" ;;
        "barge image prune") echo "--filter" ;;
        "barge image pull") echo "--arch --authfile --cert-dir --creds --os --platform --policy --retry --retry-delay --tls-verify --variant" ;;
        "barge image push") echo "--authfile --cert-dir --compression-format --compression-level --creds --digestfile --format -f --retry --retry-delay --tls-verify" ;;
        "barge image save") echo "--format --output -o" ;;
        "barge images") echo "--filter -f --format --sort" ;;
        "barge info") echo "--format -f" ;;
        "barge inspect") echo "--format -f --type" ;;
        "barge kill") echo "--cidfile --signal -s" ;;
        "barge load") echo "--input -i --platform" ;;
        "barge login") echo "--authfile --cert-dir --compat-auth-file --password -p --tls-verify --username -u" ;;
        "barge logout") echo "--authfile --compat-auth-file" ;;
        "barge logs") echo "--since --tail -n --until" ;;
        "barge network connect") echo "--alias --ip --ip6 --mac-address" ;;
        "barge network create") echo "--aux-address --dns --driver -d --gateway --interface-name --ip-range --ipam-driver --label --opt -o --route --subnet" ;;
        "barge network inspect") echo "--format -f" ;;
        "barge network list") echo "--filter -f --format" ;;
        "barge network ls") echo "--filter -f --format" ;;
        "barge network prune") echo "--filter" ;;
        "barge network remove") echo "--time -t" ;;
        "barge network rm") echo "--time -t" ;;
        "barge network update") echo "--dns-add --dns-drop" ;;
        "barge oci create") echo "--bundle -b --console-socket --pid-file --preserve-fds" ;;
        "barge oci events") echo "--interval" ;;
        "barge oci exec") echo "--additional-gids -g --apparmor --cap -c --console-socket --cwd --env -e --pid-file --preserve-fds --process -p --process-label --user -u" ;;
        "barge oci list") echo "--format -f" ;;
        "barge oci ps") echo "--format -f" ;;
        "barge oci run") echo "--bundle -b --console-socket --pid-file --preserve-fds" ;;
        "barge oci spec") echo "--bundle -b" ;;
        "barge oci update") echo "--blkio-weight --cpu-burst --cpu-idle --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpu-share --cpuset-cpus --cpuset-mems --memory --memory-reservation --memory-swap --pids-limit --resources -r" ;;
        "barge pause") echo "--cidfile --filter -f" ;;
        "barge ps") echo "--filter -f --format --last -n --sort" ;;
        "barge pull") echo "--arch --authfile --cert-dir --creds --os --platform --policy --retry --retry-delay --tls-verify --variant" ;;
        "barge push") echo "--authfile --cert-dir --compression-format --compression-level --creds --digestfile --format -f --retry --retry-delay --tls-verify" ;;
        "barge restart") echo "--cidfile --filter -f --signal -s --time -t" ;;
        "barge rm") echo "--cidfile --filter --time -t" ;;
        "barge run") echo "--add-host --annotation --arch --attach -a --authfile --blkio-weight --blkio-weight-device --cap-add --cap-drop --cert-dir --cgroup-conf --cgroup-parent --cgroupns --cgroups --cidfile --conmon-pidfile --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --creds --detach-keys --device --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-option --dns-search --domainname --entrypoint --env -e --env-file --expose --gidmap --group-add --hostname -h --ip --ip6 --ipc --label -l --label-file --link --log-driver --log-opt --mac-address --memory -m --memory-reservation --memory-swap --memory-swappiness --mount --name --network --network-alias --oom-score-adj --os --passwd-entry --pid --pidfile --pids-limit --platform --preserve-fds --publish -p --pull --restart --retry --retry-delay --security-opt --shm-size --stop-signal --stop-timeout --subgidname --subuidname --sysctl --timeout --tls-verify --tmpfs --tz --uidmap --ulimit --umask --unsetenv --user -u --userns --uts --variant --volume -v --workdir -w" ;;
        "barge save") echo "--format --output -o" ;;
        "barge selftest") echo "--add-host --blkio-weight --blkio-weight-device --cap-add --cap-drop --cgroup-conf --cgroup-parent --cgroupns --cgroups --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --device --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-option --dns-search --domainname --entrypoint --env -e --env-file --expose --format --gidmap --group-add --hostname -h --ip --ip6 --ipc --link --mac-address --memory -m --memory-reservation --memory-swap --memory-swappiness --mount --network --network-alias --oom-score-adj --passwd-entry --pid --pids-limit --preserve-fds --publish -p --security-opt --shm-size --stop-signal --stop-timeout --subgidname --subuidname --sysctl --timeout --tmpfs --tz --uidmap --ulimit --umask --unsetenv --user -u --userns --uts --volume -v --workdir -w" ;;
        "barge start") echo "--detach-keys --filter -f --sig-proxy" ;;
        "barge stop") echo "--cidfile --filter -f --signal -s --time -t" ;;
        "barge system info") echo "--format -f" ;;
        "barge unpause") echo "--cidfile --filter -f" ;;
        "barge version") echo "--format -f" ;;
        "barge wait") echo "--condition" ;;
    esac
}

_barge() {
    local program=${COMP_WORDS[0]} line words=() word cur path=barge in_value= commands i
    # COMP_WORDS is cut at `:` and `=`; image names and --flag=value are not.
    line=${COMP_LINE:0:COMP_POINT}
    read -r -a words <<<"$line"
    case "$line" in *[[:space:]]) words+=("") ;; esac
    cur=${words[${#words[@]} - 1]}
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [ -n "$in_value" ]; then
            in_value=
            continue
        fi
        case "$word" in
        -*=*) ;;
        -*) case " $(_barge_flags_with_value "$path") " in *" $word "*) in_value=1 ;; esac ;;
        *) case " $(_barge_commands "$path") " in *" $word "*) path="$path $word" ;; esac ;;
        esac
    done
    COMPREPLY=()
    [ -z "$in_value" ] || return 0
    commands=$(_barge_commands "$path")
    case "$cur" in
    -*) COMPREPLY=($(compgen -W "$(_barge_flags "$path")" -- "$cur")) ;;
    *)
        if [ -n "$commands" ]; then
            COMPREPLY=($(compgen -W "$commands" -- "$cur"))
        else
            COMPREPLY=($("$program" __complete "${words[@]:1}" 2>/dev/null))
        fi
        ;;
    esac
    # readline replaces only what stands after the last colon.
    case "$cur" in
    *:*) for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"${cur%"${cur##*:}"}"}; done ;;
    esac
}

complete -o default -F _barge barge
