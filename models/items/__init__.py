"""What item a customer will want next: an LSTM over what they bought, item by item, and what followed what before."""
