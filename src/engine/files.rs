//! Files that the engine makes for a container: /etc/hosts, hostname, resolv.conf, /run/.containerenv, passwd lines.
