"""What OCPI messages mean, in one version-free shape (the newest, plus what older ones need)."""
