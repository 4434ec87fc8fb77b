"""nginx with a part of WebDAV: it also takes files."""

from derivations.kit import variant
from derivations.servers.nginx import NGINX, built

NGINX_WITH_DAV = variant(
    NGINX,
    name="nginx-with-dav",
    description="Serves web pages, passes requests on, and takes files by PUT",
    build=built("--with-http_dav_module"),
)
