"""From runs to windows, from windows to answers: one model call at a time, while Kafka is read and written."""
