"""Real services from Debian's packages, each with a folder and a port of its own."""

import shutil
import subprocess

from address import free_address
from limits import seconds
from process import Process


def run(*command, **named):
    """A command that has to succeed; its stdout."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                            timeout=seconds(30), check=False, **named)
    assert result.returncode == 0, f"{command[0]}: {result.stdout}{result.stderr}"
    return result.stdout


class Service(Process):
    """A service that has said `ready`, at `address`."""

    def __init__(self, folder, command, ready, address):
        self.folder = folder
        self.address = address
        super().__init__(command, folder / "log", cwd=folder)
        try:
            self.wait_for(ready, within=30)
        except BaseException:
            self.kill()
            raise

    def __exit__(self, *_):
        self.resume()
        self.kill()


class Redis(Service):
    def __init__(self, folder):
        folder.mkdir()
        address = free_address()
        super().__init__(folder, ["redis-server", "--port", address.port, "--bind", address.host,
                                  "--save", "", "--appendonly", "no", "--dir", folder,
                                  "--enable-debug-command", "yes"],
                         "Ready to accept connections", address)

    @staticmethod
    def session(address, *commands):
        """The replies to `commands`, sent one by one. (redis-cli asks for the table of commands
        first, whose order is random.)"""
        replies = []
        with address.connect(seconds(10)) as sock, sock.makefile("rb") as stream:
            for command in commands:
                sock.sendall(command.encode() + b"\r\n")
                replies.append(_reply(stream))
        return replies

    def digest(self):
        return run("redis-cli", "-h", self.address.host, "-p", self.address.port,
                   "DEBUG", "DIGEST").strip()


def _reply(stream):
    """One reply of the Redis protocol, version 2: text, a number, None or a list of these."""
    line = stream.readline().rstrip(b"\r\n").decode()
    kind, rest = line[0], line[1:]
    if kind == ":":
        return int(rest)
    if kind == "$":
        return stream.read(int(rest) + 2)[:-2].decode() if int(rest) >= 0 else None
    if kind == "*":
        return [_reply(stream) for _ in range(int(rest))]
    return rest


class MariaDb(Service):
    """`template` is a folder made by install(), to be copied instead of making a new one."""

    def __init__(self, folder, template=None):
        data = folder / "data"
        if template:
            shutil.copytree(template, data)
        else:
            self.install(data)
        address = free_address()
        super().__init__(folder, ["mariadbd", "--no-defaults", f"--datadir={data}", "--user=root",
                                  f"--port={address.port}", f"--bind-address={address.host}",
                                  f"--socket={folder}/socket", "--innodb-use-native-aio=0",
                                  "--skip-name-resolve", "--innodb-buffer-pool-size=32M",
                                  f"--pid-file={folder}/pid"],
                         "ready for connections", address)

    @staticmethod
    def install(data):
        data.mkdir(parents=True)
        run("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root",
            "--auth-root-authentication-method=normal", "--skip-test-db", cwd=data)

    @staticmethod
    def query(address, statements, *options):
        return run("mariadb", "--no-defaults", "--protocol=tcp", "-h", address.host, "-P",
                   address.port, "-u", "root", "--batch", "--skip-column-names", *options,
                   input=statements)


class Nginx(Service):
    """One process, so that SIGSTOP stops all of it. Serves `root`."""

    def __init__(self, folder, root):
        folder.mkdir()
        address = free_address()
        (folder / "nginx.conf").write_text(f"""
daemon off;
master_process off;
error_log stderr notice;
pid {folder}/pid;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 100000;
  server {{ listen {address.text}; root {root}; }}
}}
""")
        super().__init__(folder, ["nginx", "-e", "stderr", "-c", folder / "nginx.conf", "-p",
                                  folder], "using the \"epoll\" event method", address)
