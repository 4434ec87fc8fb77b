"""The machine that the project runs on: its pages, repository, tickets, mailing lists and cache.

A push, or an upload to the cache, wants a name and a password of /var/lib/site/users.
"""

from derivations.kit import Network, Service, System, User

DOMAIN = "fixpoint.example"
LISTS = ("announce", "talk")

NGINX = """\
user www; pid /run/nginx.pid; error_log stderr; daemon off; events {}
http {
    types { text/html html; text/css css; image/svg+xml svg; image/png png; text/plain txt; }
    access_log /dev/stdout; sendfile on; client_max_body_size 0;
    map $request_uri $pushing { default off; ~git-receive-pack "pushing"; }
    map $pushing $pusher { off ""; default $remote_user; }
    server {
        listen 80; root /share/site; auth_basic_user_file /var/lib/site/users;
        fastcgi_param SCRIPT_FILENAME /bin/$name; fastcgi_param SCRIPT_NAME /$name;
        fastcgi_param PATH_INFO $rest; fastcgi_param QUERY_STRING $query_string;
        fastcgi_param REQUEST_METHOD $request_method; fastcgi_param CONTENT_TYPE $content_type;
        fastcgi_param CONTENT_LENGTH $content_length; fastcgi_param REMOTE_USER $pusher;
        fastcgi_param REMOTE_ADDR $remote_addr; fastcgi_param GATEWAY_INTERFACE CGI/1.1;
        location ~ ^/(?<name>cgit|lists|tracker)(?<rest>/.*)?$ {
            fastcgi_pass unix:/run/cgi/$name/socket;
        }
        location ~ ^/git(?<rest>/.*)$ {
            set $name git-http; auth_basic $pushing;
            fastcgi_pass unix:/run/cgi/cgit/socket;
        }
        location /cache/ {
            root /var/lib;
            dav_methods PUT;
            create_full_put_path on;
            limit_except GET { auth_basic cache; }
        }
        location /backup/ { root /var/lib; dav_methods PUT; auth_basic backup; }
        location /share/cgit/ { root /; }
    }
}
"""
CGIT = """\
root-title=Fixpoint
root-desc=A content-addressed build store, and the distribution that it builds
virtual-root=/cgit/
css=/share/cgit/cgit.css
clone-url=http://$HTTP_HOST/git/$CGIT_REPO_URL
scan-path=/var/lib/git
"""
GIT = "[core]\nfsync = all\nhooksPath = /share/site-hooks\n[init]\ndefaultBranch = main\n"
SMTPD = f"""\
listen on 0.0.0.0
action list mda "/bin/list-receive %{{rcpt}}" virtual {{ "@" = lists }}
action owner maildir "/var/lib/lists/.owner" virtual {{ "@" = lists }}
action out relay
match from any for rcpt-to regex {{ "^({"|".join(LISTS)})(\\+.*)?@{DOMAIN}$" }} action list
match from any for domain "{DOMAIN}" action owner
match from local for any action out
"""


def cgi(name: str, user: str, *before: str) -> Service:
    """A service that runs the CGI program ``name`` for the web server, as a user of its own."""
    socket = f"/run/cgi/{name}"
    place = f"rm -rf {socket} && install -d -m 2750 -o {user} -g www {socket}"
    run = (place, "umask 007", *before, f"exec fcgiwrap -c 3 -s unix:{socket}/socket")
    return Service(name=name, user=user, run=run)


SITE = System(
    name="site",
    description="The machine that the project runs on",
    kernel="linux",
    packages=(
        *("e2fsprogs", "fcgiwrap", "fixpoint", "fossil", "git-server", "cgit", "mlmmj"),
        *("nginx-with-dav", "opensmtpd", "site-pages", "site-programs"),
    ),
    users=(
        User(name="www", number=80),
        User(name="git", number=81, home="/var/lib/git"),
        User(name="tracker", number=82, home="/var/lib/tracker"),
        User(name="lists", number=83, home="/var/lib/lists"),
        User(name="_smtpd", number=84),
        User(name="_smtpq", number=85),
    ),
    services=(
        Service(
            name="web",
            run=(
                "install -d -m 700 -o www -g www /var/lib/cache /var/lib/backup",
                "exec nginx -e stderr -c /etc/nginx/nginx.conf",
            ),
            ports=(80,),
            folders=("/var/cache/nginx", "/var/lib/site"),
        ),
        cgi("cgit", "git", "chpst -u git git init -q --bare --template= /var/lib/git/fixpoint.git"),
        cgi("lists", "lists", "export LISTS=/var/lib/lists"),
        cgi("tracker", "tracker", "chpst -u tracker tracker-new /var/lib/tracker"),
        Service(name="mail", run=("exec smtpd -d",), ports=(25,), folders=("/var/spool",)),
        Service(
            name="list-upkeep",
            user="lists",
            run=(
                "export LISTS=/var/lib/lists",
                *(f"chpst -u lists list-new {each}@{DOMAIN}" for each in LISTS),
                "exec sh -c 'while :; do /bin/mlmmj-maintd -F -d /var/lib/lists; sleep 3600; done'",
            ),
        ),
    ),
    files=(
        ("etc/nginx/nginx.conf", NGINX),
        ("etc/cgitrc", CGIT),
        ("etc/gitconfig", GIT),
        ("etc/mail/smtpd.conf", SMTPD),
        ("etc/mail/mailname", f"{DOMAIN}\n"),
        ("etc/ssl/certs/ca-certificates.crt", ""),  # Other mail servers need no certificate.
    ),
    network=Network(),
)
