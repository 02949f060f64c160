import os

here = os.path.dirname(__file__)

start_all()
server.copy_from_host(os.path.join(here, "pages.service"), "/etc/systemd/system/pages.service")
server.succeed("mkdir /srv/pages && echo 'It works.' > /srv/pages/index.html")

with subtest("the service starts and answers"):
    server.succeed("systemctl daemon-reload && systemctl start pages")
    server.wait_for_unit("pages.service")
    server.wait_for_open_port(8000)
    page = server.succeed("curl --silent --fail http://localhost:8000/")
    assert page == "It works.\n", page

with subtest("it does not run as root"):
    server.fail("pgrep --uid root --full http.server")

with subtest("it comes back after a crash"):
    server.succeed("systemctl kill --signal=KILL pages")
    server.wait_until_succeeds("curl --silent --fail http://localhost:8000/", timeout=60)
    t.assertEqual(server.get_unit_property("pages.service", "NRestarts"), "1")
