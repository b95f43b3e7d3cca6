"""The bridge: one nftables table that stands in for kube-proxy while its mode changes."""
