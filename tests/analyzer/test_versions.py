"""Versions as banners of machines, names of jars and paths of modules print them."""

from __future__ import annotations

import pytest

from analyzer.software.versions import numbers, of_artifacts, of_go, of_python, of_vm


@pytest.mark.parametrize(
    ("banner", "version"),
    [
        ("OpenJDK 64-Bit Server VM (17.0.5+8 mixed mode, sharing)", "17.0.5"),
        ("OpenJDK 64-Bit Server VM (11.0.2-BETA1+9-Debian mixed mode)", "11.0.2"),
        ("Java HotSpot(TM) 64-Bit Server VM (25.312-b07 mixed mode)", "8u312"),
        ("17.0.15+6-Debian-1deb12u1", "17.0.15"),
        ("OpenJDK 64-Bit Server VM (21+35-LTS mixed mode)", "21"),
        ("a VM", None),
    ],
)
def test_versions_of_machines(banner: str, version: str | None) -> None:
    assert of_vm(banner) == version


def test_versions_of_others() -> None:
    assert numbers("1.8.0_312") == numbers("8u312") == (8, 0, 312)
    assert numbers("9.4.27.v20200227")[:3] == (9, 4, 27)
    assert numbers("4.1.48.Final") == (4, 1, 48)
    assert of_go(["\t/usr/local/go1.19.4/src/net/http/server.go:1 +0x1", "/opt/hostedtoolcache/go/1.16.12/x64/src/net/x.go:3"]) == {
        "1.19.4",
        "1.16.12",
    }
    assert of_go(["/usr/local/go/src/net/http/server.go:1"]) == set()
    assert of_python(["Python v3.9.2 (/usr/bin/python3.9)"]) == {"3.9.2"}
    assert of_artifacts(["netty-all"], ["/srv/netty-all-4.1.48.Final.jar", "/srv/netty-all-extra-5.jar", "/srv/my-netty-all-6.0.jar"]) == {
        "4.1.48.Final"
    }
    assert of_artifacts(["github.com/lib/pq"], ["\t/go/pkg/mod/github.com/lib/pq@v1.10.2/conn.go:55"]) == {"1.10.2"}
    assert of_artifacts(["apache-tomcat"], ["/opt/apache-tomcat-9.0.26/lib/catalina.jar"]) == {"9.0.26"}
    assert of_artifacts(["mysql-connector-java"], ["/srv/lib/mysql-connector-java-5.1.31-bin.jar"]) == {"5.1.31"}
    assert of_artifacts(["till"], ["/srv/lib/till-2.4-sources.jar", "/srv/lib/till-2.5-binary.jar"]) == set()
    assert of_artifacts(["till"], ["/usr/lib/python3.11/site-packages/till-25.1.0.dist-info/RECORD"]) == {"25.1.0"}
    assert of_artifacts(["till"], ["/usr/lib/python3.6/site-packages/till-19.9.0-py3.6.egg/till/drawer.py"]) == {"19.9.0"}
    assert of_artifacts(["io.undertow.core"], ["at io.undertow.core@2.2.5.Final//io.undertow.Undertow.start(Undertow.java:7)"]) == {
        "2.2.5.Final"
    }
    assert of_artifacts([], ["x-1.jar"]) == set()
