"""The demo: real products and purchases through a real Kafka and a real worker, checked as they come back."""
