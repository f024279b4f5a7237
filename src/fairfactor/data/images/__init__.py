"""Tables of images: releases as users download them, a user's own folder, and drawn faces."""
