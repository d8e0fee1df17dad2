"""Has cloud-init itself judge and convert many documents in one process, since starting one for each takes half a second.

Standard input is a JSON list of questions {"ask", "text"}; standard output a JSON list of answers {"refusal", "files",
"said"}. Nothing is written outside a temporary folder: the two functions of cloud-init that would are bound to it.
"""
import contextlib
import io
import json
import logging
import os
import sys
import tempfile
import traceback

import yaml

from cloudinit import distros, util
from cloudinit.config import schema
from cloudinit.net import netplan, network_manager, network_state, networkd, sysconfig

# What is asked for, with cloud-init's renderer and a distribution that uses it, as `cloud-init devel net-convert` has them.
RENDERERS = {
    "netplan": (netplan.Renderer, "debian"),
    "networkd": (networkd.Renderer, "debian"),
    "sysconfig": (sysconfig.Renderer, "rhel"),
    "network-manager": (network_manager.Renderer, "fedora"),
}


def user_data(text, folder):
    path = os.path.join(folder, "user-data")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    schema.validate_cloudconfig_file(path, schema.get_schema())


def network_data(text, with_netplan):
    """With netplan, a guest asks netplan's parser; without, cloud-init's own schema."""
    kind = schema.SchemaType.NETWORK_CONFIG
    schema.LIBNETPLAN_AVAILABLE = with_netplan
    # Without netplan's parser, cloud-init would ask whether this machine uses netplan, and be content if so.
    netplan.available = lambda target=None: False
    if schema.validate_cloudconfig_schema(yaml.safe_load(text), schema_type=kind, strict=True) is False:
        raise RuntimeError("cloud-init did not check it")


def convert(text, folder, kind):
    renderer_class, name = RENDERERS[kind]
    config = dict(distros.fetch(name)(name, {}, None).renderer_configs.get(kind) or {})
    if kind == "netplan":
        # No command of the host's netplan is run; the features are those that netplan info would list.
        config = dict(config, postcmds=False, features=["dhcp-use-domains", "ipv6-mtu"])
        config["netplan_path"] = config["netplan_path"].lstrip("/")
        keep_netplan_in(folder)
    renderer = renderer_class(config=config)
    data = yaml.safe_load(text)
    state = network_state.parse_net_config_data(data.get("network", data), renderer=renderer)
    renderer.render_network_state(network_state=state, target=folder + "/")


def keep_netplan_in(folder):
    """cloud-init has netplan's library write the file, which ignores the target folder."""
    try:
        from netplan.state import State
    except ImportError:
        return
    write = getattr(State, "unbound_write", State._write_yaml_file)
    State.unbound_write = write
    State._write_yaml_file = lambda self, filename=None, rootdir=None: write(self, filename, folder)


def files_of(folder):
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            with open(path, encoding="utf-8") as f:
                found[os.path.relpath(path, folder)] = f.read()
    return found


def answer(question):
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as said, logged(said):
        refusal, files = None, {}
        try:
            ask = question["ask"]
            if ask == "user-data":
                user_data(question["text"], folder)
            elif ask in ("network-data", "network-data-of-netplan"):
                network_data(question["text"], ask == "network-data-of-netplan")
            else:
                convert(question["text"], folder, ask)
                files = files_of(folder)
        except Exception as e:
            where = traceback.extract_tb(e.__traceback__)[-1]
            refusal = f"{type(e).__name__}: {e} ({os.path.basename(where.filename)}, {where.name})".replace(folder, "")
        return {"refusal": refusal, "files": files, "said": said.getvalue().replace(folder, "")}


@contextlib.contextmanager
def logged(stream):
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


# Owners such as systemd-network exist in a guest, and need root.
util.chownbyname = lambda *args, **kwargs: None
logging.getLogger().setLevel(logging.WARNING)
answers = [answer(question) for question in json.load(sys.stdin)]
json.dump(answers, sys.stdout)
