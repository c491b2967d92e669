"""Record runs from and to Kafka, under Faust."""
