"""Who may come in. Without access control, only this machine may."""

from .loopback import reason_to_refuse

__all__ = ["reason_to_refuse"]
