"""Sync: what servers hold of the user's contacts, calendars and mail, fetched into folders of this device.

    account       one account at a server, and its limits
    password      its password, from the keyring, a command or the environment
    local_copy    the folder that it is fetched into, and what is known of it
    dav           requests to a WebDAV server, and its answers, under limits
    dav_copy      address books (CardDAV) and calendars (CalDAV)
    imap          an IMAP connection under limits
    imap_copy     mail
    fetching      one account after the other, whatever fails

Nothing is ever written to a server. Servers are not trusted: what they send is bounded, names no path, and leads to no
other host.
"""
