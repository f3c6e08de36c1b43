"""Eclipse Paho clients, driven by lines of JSON: requests on standard input, answers and events on standard output.

Request: {"id": n, "op": name, "connection": n, ...}. Answer: {"id": n, ...}, with "error" when it failed.
Events: {"event": "message" | "closed", "connection": n, ...}. Payloads are base64. Source: paho.mqtt 1.6.
"""
import base64
import json
import os
import socket
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

VERSIONS = {3: mqtt.MQTTv31, 4: mqtt.MQTTv311, 5: mqtt.MQTTv5}
NAMES = {
    "userProperties": "UserProperty",
    "responseTopic": "ResponseTopic",
    "correlationData": "CorrelationData",
    "contentType": "ContentType",
    "expirySeconds": "MessageExpiryInterval",
    "subscriptionIds": "SubscriptionIdentifier",
}

output = threading.Lock()
clients = {}


def say(line):
    with output:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def number(code):
    """Reason codes are objects in version 5, numbers before."""
    return getattr(code, "value", code)


def to_properties(packet_type, values):
    properties = Properties(packet_type)
    for name, value in values.items():
        if name == "userProperties":
            value = [tuple(pair) for pair in value]
        elif name == "correlationData":
            value = value.encode()
        setattr(properties, NAMES[name], value)
    return properties


def from_properties(properties):
    values = {}
    for name, paho_name in NAMES.items():
        value = getattr(properties, paho_name, None)
        if value is not None:
            values[name] = value.decode() if isinstance(value, bytes) else value
    return values


class Client:
    def __init__(self, connection, client_id, version, transport, lasting):
        self.connection = connection
        self.version = version
        session = {} if version == 5 else {"clean_session": not lasting}
        self.paho = mqtt.Client(
            client_id, protocol=VERSIONS[version], transport=transport, reconnect_on_failure=False, **session
        )
        self.connack = None
        self.connected = threading.Event()
        self.granted = {}
        self.subscribed = threading.Condition()
        self.paho.on_connect = self.on_connect
        self.paho.on_subscribe = self.on_subscribe
        self.paho.on_message = self.on_message
        self.paho.on_disconnect = self.on_disconnect

    def on_connect(self, _client, _userdata, flags, code, _properties=None):
        self.connack = {"code": number(code), "sessionPresent": bool(flags.get("session present"))}
        self.connected.set()

    def on_subscribe(self, _client, _userdata, mid, granted, _properties=None):
        with self.subscribed:
            self.granted[mid] = [number(code) for code in granted]
            self.subscribed.notify_all()

    def on_message(self, _client, _userdata, message):
        say({
            "event": "message",
            "connection": self.connection,
            "topic": message.topic,
            "payload": base64.b64encode(message.payload).decode(),
            "qos": message.qos,
            "retain": bool(message.retain),
            "properties": from_properties(getattr(message, "properties", None)),
        })

    def on_disconnect(self, _client, _userdata, _code, _properties=None):
        self.connected.set()
        say({"event": "closed", "connection": self.connection})


def connect(request):
    door, version, lasting = request["door"], request["version"], request["lasting"]
    is_web = door["kind"].startswith("ws")
    transport = "websockets" if is_web else "tcp"
    client = Client(request["connection"], request["clientId"], version, transport, lasting)
    clients[client.connection] = client
    paho = client.paho
    paho.username_pw_set(request["user"], request["password"])
    if door["kind"] in ("tls", "wss"):
        paho.tls_set(ca_certs=door["caFile"])
    if is_web:
        paho.ws_set_options(path=door["path"])
    if "will" in request:
        will = request["will"]
        paho.will_set(will["topic"], base64.b64decode(will["payload"]), will["qos"])
    session = {}
    if version == 5:
        session["clean_start"] = not lasting
        if lasting:
            session["properties"] = Properties(PacketTypes.CONNECT)
            session["properties"].SessionExpiryInterval = 60
    paho.connect("127.0.0.1", door["port"], **session)
    paho.loop_start()
    client.connected.wait(request["patienceSeconds"])
    if client.connack is None:
        raise RuntimeError("no CONNACK")
    return client.connack


def subscribe(request):
    client, filters = clients[request["connection"]], request["filters"]
    if client.version == 5:
        options = {}
        if "subscriptionId" in request:
            options["properties"] = Properties(PacketTypes.SUBSCRIBE)
            options["properties"].SubscriptionIdentifier = request["subscriptionId"]
        wanted = [(one["filter"], SubscribeOptions(qos=one["qos"])) for one in filters]
        _, mid = client.paho.subscribe(wanted, **options)
    else:
        _, mid = client.paho.subscribe([(one["filter"], one["qos"]) for one in filters])
    with client.subscribed:
        if not client.subscribed.wait_for(lambda: mid in client.granted, request["patienceSeconds"]):
            raise RuntimeError("no SUBACK")
    return {"granted": client.granted[mid]}


def publish(request):
    client = clients[request["connection"]]
    handed = []
    for message in request["messages"]:
        properties = {}
        if "properties" in message:
            properties["properties"] = to_properties(PacketTypes.PUBLISH, message["properties"])
        payload = base64.b64decode(message["payload"])
        handed.append(client.paho.publish(message["topic"], payload, message["qos"], message["retain"], **properties))
    for one in handed:
        one.wait_for_publish(request["patienceSeconds"])
        if not one.is_published():
            raise RuntimeError("a message was not acknowledged")
    return {}


def leave(request):
    client = clients.pop(request["connection"])
    client.paho.disconnect()
    client.paho.loop_stop()
    return {}


def drop(request):
    client = clients.pop(request["connection"])
    # The socket itself, below TLS and WebSocket: neither says goodbye.
    bare = socket.socket(fileno=os.dup(client.paho.socket().fileno()))
    bare.shutdown(socket.SHUT_RDWR)
    bare.close()
    client.paho.loop_stop()
    return {}


def transports(_request):
    """Which values of `transport` this version of Paho takes."""
    taken = []
    sys.unraisablehook = lambda _: None  # the finalizer of a client that was never made complains
    for transport in ("tcp", "websockets", "unix"):
        try:
            mqtt.Client("unused", transport=transport)
            taken.append(transport)
        except ValueError:
            pass
    return {"transports": taken}


OPERATIONS = {one.__name__: one for one in (connect, subscribe, publish, leave, drop, transports)}


def answer(request):
    try:
        say({"id": request["id"], **OPERATIONS[request["op"]](request)})
    except Exception as error:  # told to whoever asked
        say({"id": request["id"], "error": f"{type(error).__name__}: {error}"})


for line in sys.stdin:
    threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()
