"""Prints predictions as they come, with confluent-kafka and msgpack: python consumer.py localhost:9092 [how many]"""

import sys

import msgpack
from confluent_kafka import Consumer

TOPICS = ["product-categories", "product-attributes", "user-predictions"]
settings = {"bootstrap.servers": sys.argv[1], "group.id": "my-recommender", "auto.offset.reset": "earliest"}
consumer, left = Consumer(settings), int(sys.argv[2]) if len(sys.argv) > 2 else -1
consumer.subscribe(TOPICS)
while left:
    message = consumer.poll(1.0)
    if message is None or message.error():
        continue
    left -= 1
    if message.value() is None:
        print(message.topic(), message.key().decode(), "is gone")
    else:
        print(message.topic(), message.key().decode(), msgpack.unpackb(message.value()))
consumer.close()
