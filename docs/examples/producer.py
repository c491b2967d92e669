"""Sends one product and two purchases as JSON with kafka-python: python producer.py localhost:9092"""

import json
import sys
import time

from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers=sys.argv[1], acks="all")
now = int(time.time() * 1000)  # milliseconds since the epoch, UTC


def send(topic, key, value):
    """The key is the id, as UTF-8: Kafka's default partitioner then keeps each id in one partition."""
    producer.send(topic, key=key.encode(), value=json.dumps(value).encode()).get(timeout=30)


send("product-upsert", "p-1", {"product_id": "p-1", "title": "Puma Men Navy Blue T-shirt", "updated_at": now})
for number, category in enumerate(["CHEESE", "FLUID MILK PRODUCTS"]):
    event = {"event_id": f"{now}-{number}", "user_id": "u-1", "type": "purchase", "occurred_at": now + number}
    send("user-behaviour", "u-1", {**event, "session_id": "basket-1", "category": category})
