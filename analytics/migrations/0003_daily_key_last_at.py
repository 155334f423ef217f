from django.db import migrations, models
from django.utils import timezone


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0002_keys'),
    ]

    operations = [
        migrations.AddField(
            model_name='dailykey',
            name='last_at',
            field=models.DateTimeField(default=timezone.now, help_text='When the last of them came in'),
            preserve_default=False,
        ),
    ]
