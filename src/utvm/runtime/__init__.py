"""Device C for hosted and standalone use, and what the host must know to read back what it leaves in memory."""

from utvm.runtime.fault_record import FAULT_RECORD_BYTES, FaultRecord, decode_fault
from utvm.runtime.stack_mark import stack_used_bytes

__all__ = ["FAULT_RECORD_BYTES", "FaultRecord", "decode_fault", "stack_used_bytes"]
