"""Service names that netstat and lsof print without ``-n`` and ``-P``, back to ports.

The names come from /etc/services of the host that was captured, not of this one, so the table holds what RHEL, Debian and macOS
agree on (IANA service names; ``setup`` package of Fedora, ``netbase`` of Debian). A name that means different TCP ports in
different distributions is left out on purpose: an unknown port is better than a wrong one. One exception: ``http-alt`` is what
Debian and macOS print for 8080; RHEL prints ``webcache`` there and has ``http-alt`` for 8008, which hardly anything listens on.
"""

from __future__ import annotations

from typing import Final

_TABLE: Final = """
ftp 21  ssh 22  telnet 23  smtp 25  mail 25  domain 53  http 80  www 80  kerberos 88  pop3 110  pop-3 110  sunrpc 111  portmapper 111
ident 113  auth 113  ntp 123  netbios-ssn 139  imap 143  imap2 143  snmp 161  ldap 389  https 443  microsoft-ds 445  submission 587
ldaps 636  imaps 993  pop3s 995  socks 1080  rmiregistry 1099  ms-sql-s 1433  ms-sql-m 1434  ncube-lm 1521  eforward 2181  nfs 2049
mysql 3306  postgresql 5432  postgres 5432  amqp 5672  amqps 5671  x11 6000  redis 6379  afs3-fileserver 7000  afs3-callback 7001
afs3-prserver 7002  webcache 8080  http-alt 8080  tproxy 8081  us-cli 8082  us-srv 8083  websnp 8084  simplifymedia 8087
radan-http 8088  pcsync-https 8443  ddi-tcp-1 8888  cslistener 9000  websm 9090  XmlIpcRegSvc 9092
wap-wsp 9200  wap-wsp-wtp 9201  memcache 11211  memcached 11211  irdmi 8000  intermapper 8181  sd 9876  amanda 10080
xmpp-client 5222  xmpp-server 5269  personal-agent 5555  mdns 5353  epmd 4369  ajp13 8009  nvme-disc 8009  vcom-tunnel 8001
teradataordbms 8002  mcreport 8003  ddi-tcp-2 8889  sun-answerbook 8888
"""

_WORDS: Final = _TABLE.split()
PORTS: Final[dict[str, int]] = {name: int(port) for name, port in zip(_WORDS[::2], _WORDS[1::2], strict=True)}
"""Service name → TCP port."""
