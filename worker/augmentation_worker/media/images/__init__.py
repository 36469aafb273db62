"""Images as datasets store them: PNG, JPEG, WebP and BMP, decoded and encoded again."""
